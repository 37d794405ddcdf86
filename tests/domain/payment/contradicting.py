"""What channels say against what was asked, told by tests, and what came of it."""

from typing import Any

from domain.payment import suspense
from domain.payment.asking import ClaimAttempt, RecordAnswer
from domain.payment.orders import network_order
from tests.books import Books

BACK, SURPLUS, SHORTAGE = "2241.07", "2241.08.JD_PAY", "1122.04.JD_PAY"


def say(books: Books, instruction_id: str, said: Any, serial: str = "", **more: Any) -> None:
    """What a channel says, as a callback unless an attempt is named."""
    books.do(RecordAnswer(instruction_id, said, serial=serial, **more))


def ask(books: Books, instruction_id: str) -> int:
    """Claim the next attempt."""
    attempt = int(books.state(f"instruction-{instruction_id}").tried.attempt) + 1
    books.at_us += 3_600_000_000
    books.do(ClaimAttempt(instruction_id, attempt, True, instruction_id, f"{instruction_id}x"))
    return attempt


def item(books: Books, instruction_id: str, kind: Any, serial: str) -> Any:
    return books.state(suspense.stream(suspense.item_id(instruction_id, kind, serial)))


def extra(instruction_id: str, kind: Any, serial: str) -> str:
    """The instruction that sends a surplus back."""
    return f"extra-{suspense.item_id(instruction_id, kind, serial)}"


def how(books: Books, instruction_id: str) -> list[str]:
    return [one.stage for one in books.state(f"contradiction-{instruction_id}").items]


def total(books: Books, instruction_id: str) -> int:
    """What the channel is told that the payment was which a refund is of."""
    state = books.state(f"instruction-{instruction_id}")
    original = books.state(f"instruction-{state.asked.original}")
    return network_order(instruction_id, state, original).original_fen
