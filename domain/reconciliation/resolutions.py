"""What may be done about a difference: literal tables, which docs/reconciliation.md shows.

    FITS       kind -> resolutions
    WAYS       resolution -> what must wait for it, its entry, whom it names, how it ends
    DEADLINES  kind -> days until it must be proposed, and resolved
    AGES       the buckets of aging

Sources of the entries: sections 5, 5a and 5b of the domain notes. A surplus is somebody's money: no
way leads from 2241.08 to income.
"""

from datetime import date, timedelta
from typing import Literal, NamedTuple

from domain.accounting.chart import CHANNEL_SURPLUS, split_id
from domain.accounting.rules.differences import Flow
from domain.reconciliation.difference import OPEN, Kind, Resolution, State, Status

Sense = Literal["surplus", "shortage", "nothing"]  # 长款, 短款, or no money waits.
SENSES: dict[Sense, str] = {"surplus": "2241.08", "shortage": "1122.04", "nothing": "-"}


class Way(NamedTuple):
    """`of`: what must wait for it; `debit`, `credit`: its entry, in words of the chart; `to`: what
    a proposal must name; `until`: what it is approved until, "" if it ends at once; `final`: why it
    cannot be undone, "" if it can."""

    title: str
    of: tuple[Sense, ...]
    debit: str
    credit: str
    to: Literal["", "member", "difference"]
    until: str
    final: str


_OUT = "the money has left: what comes back is led back by itself"
_PAID = "it is paid: refund it instead"
WAYS: dict[Resolution, Way] = {
    "adopt": Way(
        "补单: our instruction has succeeded after all",
        ("surplus", "shortage"),
        "that of the confirmation, reversed",
        "and what a success of the instruction posts",
        "",
        "",
        f"{_PAID}; of a refund or payout: {_OUT}",
    ),
    "refund_payer": Way(
        "退回付款人: through its channel",
        ("surplus",),
        "2241.08.ch; at the channel's success 2241.07",
        "2241.07; 2202.01.ch",
        "",
        "the channel has taken it",
        _OUT,
    ),
    "to_wallet": Way(
        "入账: to a named member's wallet", ("surplus",), "2241.08", "2241.01.u", "member", "", ""
    ),
    "credit_payee": Way(
        "退还收款人: to whom it was on its way to",
        ("surplus",),
        "2241.08",
        "2241.03.m of a payout, 2241.01.u of a withdrawal or refund",
        "",
        "",
        "",
    ),
    "reissue": Way(
        "重新出款: sent once more, by a new instruction",
        ("surplus",),
        "2241.08; at the channel's success 2241.05, 2241.07",
        "2241.05 of a payout, 2241.07 of a refund; 2202.01",
        "",
        "the channel has paid it",
        _OUT,
    ),
    "write_off": Way(
        "核销: our loss, own funds moved along",
        ("shortage",),
        "6711, 1122.06",
        "1122.04, 1001.02",
        "",
        "",
        "",
    ),
    "claim": Way(
        "追索: at the channel",
        ("shortage",),
        "when it comes, that of the confirmation, reversed",
        "1122.04",
        "",
        "a later bill or statement brings it",
        "",
    ),
    "link": Way(
        "对销: a surplus and a shortage of one amount are one thing; or it is a chargeback's money",
        ("surplus", "shortage"),
        "2241.08; of what was taken off for a chargeback 1122.02.ch",
        "1122.04; of what came back for one that was won 1122.02.ch",
        "difference",
        "",
        "",
    ),
    "correct_fee": Way(
        "更正手续费: the agreed fee stands",
        ("nothing",),
        "2202.02.ch (charged too little: 6401.01)",
        "6401.01 (charged too little: 2202.02.ch)",
        "",
        "",
        "",
    ),
    "accept": Way(
        "认可: the channel was right, or its money stands in an item of the payment core",
        ("nothing",),
        "-",
        "-",
        "",
        "",
        "",
    ),
}

FITS: dict[Kind, tuple[Resolution, ...]] = {
    "missing_here": ("adopt", "refund_payer", "to_wallet", "link", "accept"),
    "missing_at_channel": ("claim", "write_off", "link", "accept"),
    "amount": ("refund_payer", "to_wallet", "claim", "write_off", "link", "accept"),
    "status": ("adopt", "refund_payer", "to_wallet", "claim", "write_off", "link", "accept"),
    "fee": ("correct_fee", "accept"),
    "currency": ("refund_payer", "to_wallet", "claim", "write_off", "link", "accept"),
    "duplicate": ("refund_payer", "to_wallet", "claim", "write_off", "link", "accept"),
    "refund_missing_here": ("adopt", "claim", "write_off", "link", "accept"),
    "refund_missing_at_channel": ("credit_payee", "reissue", "link", "accept"),
    "payout_missing_here": ("adopt", "claim", "write_off", "link", "accept"),
    "payout_missing_at_bank": ("credit_payee", "reissue", "link", "accept"),
    "receipt_unknown": ("to_wallet", "link", "accept"),
    "session_short": ("claim", "write_off", "link", "accept"),
    "session_over": ("to_wallet", "link", "accept"),
}


class Deadline(NamedTuple):
    """Days from when it was found until it must be proposed, and until it must be resolved."""

    propose_days: int
    resolve_days: int


DEADLINES: dict[Kind, Deadline] = {
    "missing_here": Deadline(2, 7),  # A payer waits for an order or for the money.
    "missing_at_channel": Deadline(3, 30),
    "amount": Deadline(2, 7),
    "status": Deadline(2, 7),
    "fee": Deadline(7, 30),
    "currency": Deadline(3, 30),
    "duplicate": Deadline(2, 7),
    "refund_missing_here": Deadline(3, 30),
    "refund_missing_at_channel": Deadline(1, 7),  # A buyer waits for a refund.
    "payout_missing_here": Deadline(1, 7),  # Money left that nobody is known to have sent.
    "payout_missing_at_bank": Deadline(1, 7),  # A merchant waits for its money.
    "receipt_unknown": Deadline(3, 30),
    "session_short": Deadline(3, 30),
    "session_over": Deadline(3, 30),
}

# Name, and the most days it holds; the last has no end.
AGES: tuple[tuple[str, int | None], ...] = (
    ("0-1", 1),
    ("2-3", 3),
    ("4-7", 7),
    ("8-30", 30),
    (">30", None),
)


def sense_of(account: str) -> Sense:
    """What waits on an account of suspense, "" for none."""
    if not account:
        return "nothing"
    return "surplus" if split_id(account)[0] == CHANNEL_SURPLUS else "shortage"


def fitting(state: State) -> tuple[Resolution, ...]:
    """What may be proposed for a difference as it stands, by its kind and by what waits."""
    if state.about is None:
        return ()
    sense = sense_of(state.account)
    return tuple(one for one in FITS[state.about.kind] if sense in WAYS[one].of)


def final_of(resolution: Resolution, flow: Flow) -> str:
    """Why a resolution of money of that flow cannot be undone, "" if it can: a payment that was
    adopted can be refunded, a refund or payout is gone."""
    if resolution == "adopt":
        return _PAID if flow == "payment" else _OUT
    return WAYS[resolution].final


def age_of(days: int) -> str:
    """The bucket of an age in days; below zero counts as none."""
    return next(name for name, most in AGES if most is None or days <= most)


def due_on(kind: Kind, status: Status, since: date) -> date:
    """By when what is confirmed is to be proposed, and what is proposed or approved resolved."""
    deadline = DEADLINES[kind]
    days = deadline.propose_days if status == "confirmed" else deadline.resolve_days
    return since + timedelta(days=days)


def is_overdue(kind: Kind, status: Status, since: date, today: date) -> bool:
    """Whether it should have been proposed, or resolved, by now."""
    waits = status in OPEN and status != "suspected"
    return waits and today > due_on(kind, status, since)
