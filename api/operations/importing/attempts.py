"""Requests of an import, and what was refused once and may come again.

A row's first attempt has a number made of what it is about (`refund:R1`). Its answer is kept for
ever, also when it is a no. A row that was put right, or whose order was, is a new attempt with the
next number (`refund:R1:2`, `refund:R1:3` …):

    never tried with this body ───────────────────────▶ submitted
    refused with this body, and would be again now ───▶ the old answer, nothing new
    refused with this body, and would be taken now ───▶ submitted
    accepted before, with this body or another ───────▶ that answer, or the conflict

So importing the same rows again changes nothing, unless something they waited for has come.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Request, iso_time
from domain.ledger import answer as answers
from domain.ledger.answer import Answer, Refusal
from domain.ledger.ledger import Ledger
from domain.ledger.trial import Trial
from domain.order.commands import CONFIRM_AFTER_US
from domain.refusals import Code
from domain.transaction import transaction
from domain.transaction.commands import RefundTransaction


class _Attempt(Struct):
    """A request whose first number is used: the next number to try, and what was found so far."""

    request: Request
    digest: bytes
    count: int = 1
    refused: Answer | None = None  # With this very body.
    settled: Answer | None = None

    @property
    def number(self) -> str:
        first = self.request.number
        return first if self.count == 1 else f"{first}:{self.count}"


def submit(ledger: Ledger, requests: Sequence[Request]) -> list[Answer]:
    """Submit requests in order, in one commit; what was refused before and may now be taken follows
    in a second one. The answers in order."""
    given = ledger.submit_all(requests)
    stuck = [index for index, one in enumerate(given) if _is_stuck(one)]
    if not stuck:
        return given
    again = _again(ledger, [requests[index] for index in stuck])
    for index, answer in zip(stuck, again, strict=True):
        given[index] = answer or given[index]
    return given


def _is_stuck(answer: Answer) -> bool:
    """Whether the number had another answer before this request came."""
    if answer.refused is None:
        return False
    return answer.replayed or answer.refused.code is Code.REQUEST_CONFLICT


def _again(ledger: Ledger, requests: Sequence[Request]) -> list[Answer | None]:
    """The answers of later attempts; None where there is none and shall be none."""
    attempts = [_Attempt(one, answers.digest_of(one.command)) for one in requests]
    walking = attempts
    while walking:
        numbers = [one.number for one in walking]
        kept = {receipt.number: receipt for receipt in ledger.recorder.read_receipts(numbers)}
        still = []
        for one in walking:
            receipt = kept.get(one.number)
            if receipt is None:
                continue  # The end of its attempts.
            found = answers.answer_of(receipt.outcome, receipt.position, replayed=True)
            if found.refused is None:
                one.settled = answers.replay(receipt, one.digest)
                continue
            if receipt.digest == one.digest:
                one.refused = found
            one.count += 1
            still.append(one)
        walking = still
    _resubmit(ledger, [one for one in attempts if one.settled is None])
    return [one.settled or one.refused for one in attempts]


def _resubmit(ledger: Ledger, attempts: list[_Attempt]) -> None:
    trial = Trial(ledger.recorder, [one.request for one in attempts])
    wanted = []
    for one in attempts:
        request = replace(one.request, number=one.number)
        early = None
        if isinstance(request.command, RefundTransaction):
            stream = transaction.stream(request.command.transaction_id)
            early = too_early(request, trial.state(stream))
        if early is not None:
            one.settled = one.refused or Answer(None, early, ledger.head().position)
        elif trial.accepts(request) or one.refused is None:
            wanted.append((one, request))
    given = ledger.submit_all([request for _, request in wanted])
    for (one, _), answer in zip(wanted, given, strict=True):
        one.settled = answer


def too_early(
    request: Request, sold: transaction.State, paid_us: int | None = None
) -> Refusal | None:
    """Why a refund that is asked for before its payment is none. In time the ledger would not have
    known the payment yet; for a row posted late it does, and it takes no notice of times.

    `paid_us` (UTC µs) is when it is about to be paid, if it is not yet.
    """
    if sold.confirm_by_us:
        paid_us = sold.confirm_by_us - CONFIRM_AFTER_US
    if paid_us is None or request.at_us >= paid_us:
        return None
    detail = f"asked for at {iso_time(request.at_us)}, and paid at {iso_time(paid_us)}"
    return Refusal(Code.TRANSACTION_NOT_PAID, "requested_at", detail)
