"""Cards (银行卡) of a member: a person's cards, an enterprise's settlement accounts, as the banks
have signed them (签约). One stream per member, for how many there are, which is the default and in
whose name they are is decided over all of them.

    (none) ──request──▶ requested ──▶ code_sent ──code──▶ confirming ──▶ bound ──unbind──▶ ending
                            │         │  │  ▲                 │  │                  ▲        │
                            ▼         ▼  │  └─── wrong code ──┘  ▼                  │        ▼
                         refused  expired└─────────unbind────────│──────────────────┘     (gone)
                                                              refused

A *binding* is one signing with the bank, counted per member from 1. A change of a bound card
(another telephone, another name) is a new binding of the same card, verified again from the start;
until the bank has confirmed it the old one holds, then it is replaced. Refused, replaced and ended
bindings leave the state: what it holds is bounded by how many cards a member may have.

No fact holds a number, a name or a telephone: `card`, `holder`, `particulars` and `code` are tokens
of the vault, and of the number only the last four digits stand here.
"""

from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import MICROSECONDS, Fact, Stream, key
from domain.member.signing import Owner, Relation, Said, Wish
from domain.refusals import Code, Refused

Status = Literal["requested", "code_sent", "confirming", "bound", "ending"]
Ask = Literal["sign", "confirm", "end"]

MOST: dict[Owner, int] = {"personal": 10, "enterprise": 5}
OPEN: frozenset[Status] = frozenset(("requested", "code_sent", "confirming"))
EXPIRED = "expired"
CLAIM_US = 60 * MICROSECONDS  # Whoever claimed an attempt and was not heard of is given up then.
BACK_OFF_S = (5, 30, 120, 600, 1800)  # After the n-th attempt that told nothing.


class BindingRequested(Fact, frozen=True):
    """`relation`: why a card in another name may be bound, by the document of that number."""

    binding: int
    owner: Owner
    card: str
    particulars: str
    holder: str
    tail: str
    relation: Relation
    document: str


class Attempted(Fact, frozen=True):
    """The bank is about to be asked; if nothing is heard until `due_us`, it is asked again."""

    binding: int
    attempt: int
    ask: Ask
    due_us: int


class Unanswered(Fact, frozen=True):
    """The bank told nothing; it is asked again at `due_us`."""

    binding: int
    attempt: int
    reason: str
    due_us: int


class CodeSent(Fact, frozen=True):
    """The bank knows the card, and has sent its holder a code that is good until `expires_us`."""

    binding: int
    bank: str
    card_kind: str
    expires_us: int


class CodeGiven(Fact, frozen=True):
    """The holder's code, as a token; the `count`-th."""

    binding: int
    count: int
    code: str


class CodeWrong(Fact, frozen=True):
    binding: int
    tries_left: int


class Bound(Fact, frozen=True):
    """The bank has signed, under its agreement number; an older binding of the card is replaced."""

    binding: int
    card: str
    agreement: str
    replaces: int  # 0: none.


class BindingRefused(Fact, frozen=True):
    """The bank refused, by its code; `expired`: no code came in time."""

    binding: int
    reason: str


class DefaultSet(Fact, frozen=True):
    card: str


class Unbound(Fact, frozen=True):
    """Not used from now on; the bank is yet to be told."""

    binding: int
    card: str
    reason: str


class Ended(Fact, frozen=True):
    """The bank knows that the binding is over."""

    binding: int


Event = (
    BindingRequested
    | Attempted
    | Unanswered
    | CodeSent
    | CodeGiven
    | CodeWrong
    | Bound
    | BindingRefused
    | DefaultSet
    | Unbound
    | Ended
)


class Binding(Struct, frozen=True, gc=False):
    """One signing. `due_us`: when the bank may be asked next, 0: at once; `failures` in a row."""

    binding: int
    card: str
    particulars: str
    holder: str
    tail: str
    owner: Owner
    relation: Relation = ""
    status: Status = "requested"
    bank: str = ""
    card_kind: str = ""
    expires_us: int = 0
    code: str = ""
    codes: int = 0
    attempt: int = 0
    failures: int = 0
    due_us: int = 0

    @property
    def asks(self) -> Ask | None:
        """What the bank is to be asked next; None: nothing."""
        wanted: dict[Status, Ask] = {"requested": "sign", "confirming": "confirm", "ending": "end"}
        return wanted.get(self.status)


class State(Struct, frozen=True, gc=False):
    """`requested` counts all bindings there ever were; `default` is a card's token."""

    requested: int = 0
    bindings: tuple[Binding, ...] = ()
    default: str = ""

    def bound(self, card: str) -> Binding | None:
        """The binding under which a card may be used."""
        found = (one for one in self.bindings if one.card == card and one.status == "bound")
        return next(found, None)

    def open(self, card: str) -> Binding | None:
        """The binding of a card that is under way."""
        found = (one for one in self.bindings if one.card == card and one.status in OPEN)
        return next(found, None)

    def numbered(self, binding: int) -> Binding | None:
        return next((one for one in self.bindings if one.binding == binding), None)


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"cards-{member_id}")


def member_of(stream: str) -> str:
    return key(stream)


def request(state: State, wish: Wish, certified: str, at_us: int) -> list[Event]:
    """Ask for a card. `certified`: the holder token of the identity that was checked, "" for none.

    The same particulars again, while they are bound or under way, return []. Raises
    CARD_STATE_WRONG, HOLDER_DIFFERS, CARD_LIMIT.
    """
    facts: list[Event] = []
    under_way = state.open(wish.card)
    if under_way is not None and _is_late(under_way, at_us):
        facts.append(BindingRefused(under_way.binding, EXPIRED))
        under_way = None
    if under_way is not None:
        if under_way.particulars == wish.particulars:
            return []
        detail = f"binding {under_way.binding} of this card is under way: confirm or unbind it"
        raise Refused(Code.CARD_STATE_WRONG, "number", detail)
    bound = state.bound(wish.card)
    if bound is not None and bound.particulars == wish.particulars:
        return facts
    _refuse_other_holder(state, wish, certified)
    cards = {one.card for one in state.bindings} - {wish.card}
    if len(cards) >= MOST[wish.owner]:
        raise Refused(Code.CARD_LIMIT, "member_id", f"{MOST[wish.owner]} cards")
    requested = BindingRequested(
        binding=state.requested + 1,
        owner=wish.owner,
        card=wish.card,
        particulars=wish.particulars,
        holder=wish.holder,
        tail=wish.tail,
        relation=wish.relation,
        document=wish.document,
    )
    return [*facts, requested]


def _refuse_other_holder(state: State, wish: Wish, certified: str) -> None:
    """The same name (同名), or a legal relation with its document."""
    if bool(wish.relation) != bool(wish.document):
        detail = "a legal relation has a kind and the number of its document"
        raise Refused(Code.HOLDER_DIFFERS, "relation", detail)
    if wish.relation:
        return
    if wish.owner == "enterprise":
        same = wish.same_name
    else:
        own = certified or _own_holder(state)
        same = own in ("", wish.holder)
    if not same:
        raise Refused(Code.HOLDER_DIFFERS, "name")


def _own_holder(state: State) -> str:
    """In whose name the cards of a person are, those by a legal relation left out; "": none is."""
    own = (one.holder for one in state.bindings if not one.relation and one.status == "bound")
    return next(own, "")


def _is_late(binding: Binding, at_us: int) -> bool:
    return binding.status == "code_sent" and at_us >= binding.expires_us


def claim(state: State, binding: int, attempt: int, at_us: int) -> list[Event]:
    """Begin the n-th attempt to ask the bank; [] when it is not to be made now, or another's. A
    binding whose code did not come in time is refused instead."""
    found = state.numbered(binding)
    if found is not None and _is_late(found, at_us):
        return [BindingRefused(binding, EXPIRED)]
    if found is None or found.asks is None or attempt != found.attempt + 1 or at_us < found.due_us:
        return []
    return [Attempted(binding, attempt, found.asks, at_us + CLAIM_US)]


def answered(state: State, binding: int, attempt: int, said: Said, at_us: int) -> list[Event]:
    """What the bank said to an attempt; [] when it is on record, or the binding has gone on since.

    What does not answer the question that was asked tells nothing. Being told of an end it does
    not know of is as good as knowing.
    """
    found = _asked(state, binding, attempt)
    if found is None:
        return []
    match (found.asks, said.kind):
        case ("sign", "code_sent"):
            return [CodeSent(binding, said.bank, said.card_kind, said.expires_us)]
        case ("confirm", "signed"):
            older = state.bound(found.card)
            bound = Bound(
                binding, found.card, said.agreement, older.binding if older is not None else 0
            )
            return [bound] if state.default else [bound, DefaultSet(found.card)]
        case ("confirm", "code_wrong") if said.tries_left > 0:
            return [CodeWrong(binding, said.tries_left)]
        case ("confirm", "code_wrong"):
            return [BindingRefused(binding, "CODE_WRONG")]
        case ("end", "ended" | "refused"):
            return [Ended(binding)]
        case ("sign" | "confirm", "refused"):
            return [BindingRefused(binding, said.reason)]
        case _:
            wait_s = BACK_OFF_S[min(found.failures, len(BACK_OFF_S) - 1)]
            return [Unanswered(binding, attempt, said.reason, at_us + wait_s * MICROSECONDS)]


def _asked(state: State, binding: int, attempt: int) -> Binding | None:
    """The binding that an answer is for, while that attempt is the last one made."""
    found = state.numbered(binding)
    return found if found is not None and found.attempt == attempt and found.asks else None


def give_code(state: State, card: str, code: str, at_us: int) -> list[Event]:
    """The holder's code, as a token. The same again while the bank is asked, or after it signed,
    returns []. Raises CARD_NOT_FOUND, CARD_STATE_WRONG, CODE_EXPIRED."""
    found = state.open(card)
    if found is None:
        if state.bound(card) is not None:
            return []
        raise Refused(Code.CARD_NOT_FOUND, "card")
    if found.status == "confirming" and found.code == code:
        return []
    if found.status != "code_sent":
        detail = f"{found.status}: the bank has not sent a code yet, or is asked about one"
        raise Refused(Code.CARD_STATE_WRONG, "card", detail)
    if _is_late(found, at_us):
        raise Refused(Code.CODE_EXPIRED, "code")
    return [CodeGiven(found.binding, found.codes + 1, code)]


def set_default(state: State, card: str) -> list[Event]:
    """Which card is used where none is named. Again: []. Raises CARD_NOT_FOUND."""
    if state.bound(card) is None:
        raise Refused(Code.CARD_NOT_FOUND, "card", "it is not bound")
    return [] if state.default == card else [DefaultSet(card)]


def unbind(state: State, card: str, reason: str) -> list[Event]:
    """A card is not used any more, and what was under way with it is given up. While the bank is
    told, again: []. Raises CARD_NOT_FOUND, CARD_STATE_WRONG."""
    mine = [one for one in state.bindings if one.card == card]
    if not mine:
        raise Refused(Code.CARD_NOT_FOUND, "card")
    if any(one.status in ("requested", "confirming") for one in mine):
        detail = "the bank is being asked: unbind the card when it has answered"
        raise Refused(Code.CARD_STATE_WRONG, "card", detail)
    return [Unbound(one.binding, card, reason) for one in mine if one.status != "ending"]


def evolve(state: State, event: Event) -> State:
    match event:
        case BindingRequested():
            made = Binding(
                event.binding,
                event.card,
                event.particulars,
                event.holder,
                event.tail,
                event.owner,
                event.relation,
            )
            return replace(state, requested=event.binding, bindings=(*state.bindings, made))
        case Attempted(binding=number, attempt=attempt, due_us=due_us):
            return _with(state, number, attempt=attempt, due_us=due_us)
        case Unanswered(binding=number, due_us=due_us):
            failures = _found(state, number).failures + 1
            return _with(state, number, failures=failures, due_us=due_us)
        case CodeSent(binding=number, bank=bank, card_kind=card_kind, expires_us=expires_us):
            known = {"bank": bank, "card_kind": card_kind, "expires_us": expires_us}
            return _next(state, number, "code_sent", **known)
        case CodeGiven(binding=number, count=count, code=code):
            return _next(state, number, "confirming", codes=count, code=code)
        case CodeWrong(binding=number):
            return _next(state, number, "code_sent")
        case Bound(binding=number, replaces=replaced):
            return _next(_without(state, replaced), number, "bound")
        case BindingRefused(binding=number) | Ended(binding=number):
            return _without(state, number)
        case DefaultSet(card=card):
            return replace(state, default=card)
        case Unbound(binding=number, card=card):
            default = "" if state.default == card else state.default
            return _next(replace(state, default=default), number, "ending")
        case _:
            assert_never(event)


def _next(state: State, binding: int, status: Status, **changes: object) -> State:
    """Another status: whatever the bank is asked next, it is asked at once."""
    return _with(state, binding, status=status, failures=0, due_us=0, **changes)


def _with(state: State, binding: int, **changes: object) -> State:
    bindings = tuple(
        replace(one, **changes) if one.binding == binding else one for one in state.bindings
    )
    return replace(state, bindings=bindings)


def _found(state: State, binding: int) -> Binding:
    return next(one for one in state.bindings if one.binding == binding)


def _without(state: State, binding: int) -> State:
    left = tuple(one for one in state.bindings if one.binding != binding)
    return replace(state, bindings=left)
