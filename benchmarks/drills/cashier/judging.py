"""What became of each session: by our books, by the outside's, and by the pages.

`twice`     more than one payment counts for an order, or for the filling of a wallet
`overtaken` a session's next payment began before the one before it had ended without money
`strayed`   the outside holds other money of a payer than what was paid for, and nothing that is
            named (a contradiction, suspense, what was never told) says why
`untrue`    a page shows other than how things stand
"""

from base64 import urlsafe_b64decode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct
from sqlalchemy import Connection, select

from api.cli.opening import open_desk
from benchmarks.drills.cashier.payers import Case
from benchmarks.drills.channels.comparing import INSTEAD, PLUS, Ours, kept_back
from domain.cashier import session
from domain.channel.numbers import narrow_number
from domain.kernel import Recorded
from domain.payment import payment
from projections.models import orders, payments
from projections.models.contradictions import Contradiction

WITHOUT_MONEY = (payment.Declined, payment.SentBack, payment.SendBackFailed)
AT_ONCE = 10_000
MOST = session.MOST_ATTEMPTS


class Books(Struct):
    """Ours, of what was played: the payments that count, by what they paid (an order's number, or
    the session that filled a wallet), and which orders are paid."""

    counts: dict[str, list[str]]
    paid: set[str]
    overtaken: list[str]


def read_books(url: str) -> Books:
    with open_desk(url) as context:
        context.projector.catch_up()
        facts: list[Recorded] = []
        while rows := context.ledger.facts(facts[-1].position if facts else 0, AT_ONCE):
            facts += rows
        with context.engine.connect() as view:
            counts, paid = _counted(view)
    return Books(counts, paid, _overtaken(facts))


def _counted(view: Connection) -> tuple[dict[str, list[str]], set[str]]:
    table, counts = payments.PAYMENTS, defaultdict(list)
    query = select(table.c.payment_no, table.c.purpose, table.c.reference)
    for number, purpose, reference in view.execute(query.where(table.c.state == "succeeded")):
        counts[reference if purpose == "order" else session.session_of(number)].append(number)
    states = select(orders.ORDERS.c.order_no).where(orders.ORDERS.c.state == "paid")
    return dict(counts), set(view.execute(states).scalars())


def _overtaken(facts: Iterable[Recorded]) -> list[str]:
    """By the history alone: each choice of a session was made when the one before was over."""
    last: dict[str, str] = {}  # Of a session: its newest payment.
    ended: set[str] = set()
    found = []
    for one in facts:
        if isinstance(one.fact, session.Attempted):
            before = last.get(one.stream)
            if before is not None and before not in ended:
                found.append(f"{one.fact.payment_no} began before {before} had ended")
            last[one.stream] = one.fact.payment_no
        elif isinstance(one.fact, WITHOUT_MONEY):
            ended.add(one.stream.partition("-")[2])
    return found


def judged(
    cases: Sequence[Case], books: Books, book: Sequence[Mapping[str, Any]]
) -> tuple[list[str], dict[str, int], dict[str, str]]:
    """`twice`; `strayed`: what the outside holds too much, in fen; and the truth of each session:
    paid or over."""
    held = held_outside(book, cases)
    of: dict[str, set[str]] = defaultdict(set)
    fen = {}
    for one in cases:
        of[one.reference].add(one.session_no)
        fen[one.reference] = one.amount_fen
    paid = {one for one in of if one in books.paid or books.counts.get(one)}
    twice = [f"{one}: {books.counts[one]}" for one in of if len(books.counts.get(one, ())) > 1]
    strayed = {}
    for reference, sessions in of.items():
        there = sum(held.get(number, 0) for number in sessions)
        if there != (wanted := fen[reference] if reference in paid else 0):
            strayed[reference] = there - wanted
    kinds = {one.session_no: "paid" if one.reference in paid else "over" for one in cases}
    return twice, strayed, kinds


def held_outside(book: Sequence[Mapping[str, Any]], cases: Sequence[Case]) -> Counter[str]:
    """By session: what the outside has charged its payers and not given back, in fen."""
    held: Counter[str] = Counter()
    tries = [f"pay-{one.session_no}-{number + 1}" for one in cases for number in range(MOST)]
    plain = {narrow_number(one): one for one in tries}  # Some channels take no dash.
    for order in book:
        if order["kind"] != "payment":
            continue
        fen = sum(one["amount"] for one in order["charges"])
        fen -= sum(one["amount"] for one in order["reversals"])
        fen -= sum(one["amount"] for one in order["refunds"] if one["state"] == "SUCCEEDED")
        number = order["whole"] or order["number"]
        held[session.session_of(plain.get(number, number).removeprefix("pay-"))] += fen
    return held


Named = Mapping[str, Sequence[int]]


def named(ours: Ours, book: Sequence[Mapping[str, Any]]) -> Named:
    """By session: what moved otherwise than our books say was asked, in fen, + to us: each
    contradiction of its payments, and of what goes back of them; and what was never told."""
    found: dict[str, list[int]] = defaultdict(list)
    for name, one in ours.instructions.items():
        moved = [_signed(row, one.amount_fen) for row in ours.contradictions.get(name, ())]
        sign = 1 if one.purpose == "payment" else -1
        found[session.session_of(payment.number_of(one.reference))] += [sign * fen for fen in moved]
    for name, fen in kept_back(book, ours).items():
        number = payment.number_of(ours.instructions[name].reference)
        found[session.session_of(number)].append(fen)
    return found


def _signed(row: Contradiction, asked_fen: int) -> int:
    amount_fen = row.amount_fen or 0
    if row.kind in INSTEAD:
        return amount_fen - asked_fen
    return {True: amount_fen, False: -amount_fen}[row.kind in PLUS]


def unexplained(
    strayed: Mapping[str, int], cases: Sequence[Case], known: Named
) -> tuple[list[str], list[str]]:
    """What strayed and is named nowhere; and what is: some of what is named comes to just that."""
    sums: dict[str, set[int]] = defaultdict(lambda: {0})
    for one in cases:
        for fen in known.get(one.session_no, ()):
            sums[one.reference] |= {fen + other for other in sums[one.reference]}
    texts = {one: f"{one}: the outside holds {fen:+} fen" for one, fen in strayed.items()}
    return (
        [text for one, text in texts.items() if strayed[one] not in sums[one]],
        [text for one, text in texts.items() if strayed[one] in sums[one]],
    )


def checked_back(address: str, keys: Mapping[str, str], session_no: str, kind: str) -> str:
    """What is wrong with the way back of a page, "" for nothing; checked as a shop does."""
    said = dict(parse_qsl(urlsplit(address).query))
    try:
        public = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(keys[said["key"]] + "="))
        text = "\n".join((said["session_no"], said["state"], said["at"])).encode()
        public.verify(urlsafe_b64decode(said["signature"] + "=="), text)
    except (KeyError, ValueError, InvalidSignature) as error:
        return f"{session_no}: the way back is not signed: {error!r}"
    if (said["session_no"], said["state"]) != (session_no, kind):
        return f"{session_no}: the way back says {said['session_no']} {said['state']}, not {kind}"
    return ""
