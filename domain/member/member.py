"""Member (会员): a personal or enterprise customer, its operators, and an enterprise's terms.

    (none) ──register──▶ active ──forget──▶ forgotten

Terms (fee rule, settlement cycle, debt limit, agreements for products) are effective-dated: a
change takes effect on a date that has not passed, and what was in force when a transaction was
created stays on that transaction. So is the level to which a person's identity is certified. Only
what can still apply is kept in the state; the history is in the facts.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import astuple, replace

from domain.kernel import Fact, Stream
from domain.member import terms as agreed
from domain.member.terms import MAX_TERMS, Consent, Identity, SettlementTerms, Source
from domain.money import MAX_FEN, FeeRule
from domain.refusals import Code, Refused
from domain.texts import quoted

Kind = Literal["personal", "enterprise"]
Role = Literal["owner", "finance", "viewer"]
Product = Literal["instant"]  # What a merchant may use only by agreement.
MAX_OPERATORS = 100
RESTORED = "restored from a backup of before"


class Registered(Fact, frozen=True, omit_defaults=True):
    """`needs_agreement`: a merchant that may use what it has signed alone; the older ones all."""

    member_id: str
    kind: Kind
    name: str
    needs_agreement: bool = False


class OperatorAdded(Fact, frozen=True):
    operator_id: str
    role: Role


class OperatorRemoved(Fact, frozen=True):
    operator_id: str


class FeeRuleSet(Fact, frozen=True, omit_defaults=True):
    """`consent`: the merchant's, with every change; the first rule needs none."""

    effective_from: date
    rule: FeeRule
    consent: Consent | None = None


class SettlementTermsSet(Fact, frozen=True, omit_defaults=True):
    """The cycle, and the most one transfer may carry in fen (a larger payout is split; what 25
    transfers cannot carry is paid by the next batch); what came later is as in `SettlementTerms`,
    and left out of the bytes where there is none."""

    effective_from: date
    cycle: str
    max_transfer_fen: int | None
    min_payout_fen: int = 0
    reserve_bps: int = 0
    reserve_days: int = 0


class AgreementSigned(Fact, frozen=True):
    """The merchant may use the product for what happens on this date or later."""

    product: Product
    effective_from: date


class AgreementEnded(Fact, frozen=True):
    """The first date on which the merchant may not use the product any more."""

    product: Product
    effective_from: date


class DebtLimitSet(Fact, frozen=True):
    """The most a merchant may owe for refunds that were advanced, in fen; None: no limit."""

    effective_from: date
    limit_fen: int | None


class Certified(Fact, frozen=True):
    """From a date on the member's identity is certified to a level, by these sources. `holder` and
    `particulars` are tokens of the vault; members of one `customer` are one person, "": unknown."""

    effective_from: date
    level: int
    sources: tuple[Source, ...]
    holder: str
    particulars: str
    customer: str = ""


class Forgotten(Fact, frozen=True):
    """Its personal data is gone for good. `last` is the date its last transaction was booked on,
    after which it had to be kept for `years`."""

    last: date
    years: int
    reason: str


Event = (
    Registered | OperatorAdded | OperatorRemoved | FeeRuleSet | SettlementTermsSet
    | AgreementSigned | AgreementEnded | DebtLimitSet | Certified | Forgotten
)  # fmt: skip


class State(Struct, frozen=True, gc=False):
    """Terms are (effective from, terms), oldest first; the newest whose date has come applies. Of
    an agreement: whether it is in force."""

    member_id: str = ""
    kind: Kind | None = None
    name: str = ""
    operators: tuple[tuple[str, Role], ...] = ()
    fee_rules: tuple[tuple[date, FeeRule], ...] = ()
    settlement_terms: tuple[tuple[date, SettlementTerms], ...] = ()
    agreements: tuple[tuple[date, Product, bool], ...] = ()
    debt_limits: tuple[tuple[date, int | None], ...] = ()
    certified: tuple[Certified, ...] = ()
    forgotten: bool = False
    needs_agreement: bool = False

    def certified_on(self, day: date) -> Certified | None:
        """To what the member's identity is certified on a date; None: it is not."""
        return next((one for one in reversed(self.certified) if one.effective_from <= day), None)

    @property
    def customer(self) -> str:
        """Which person the member is, once that was found out: it does not change."""
        return next((one.customer for one in self.certified if one.customer), "")

    def debt_limit_in_force(self, day: date) -> int | None:
        """The most that may be owed for advances, in fen; None when there is no limit."""
        return next((limit for since, limit in reversed(self.debt_limits) if since <= day), None)

    def role_of(self, operator_id: str) -> Role | None:
        return next((role for one, role in self.operators if one == operator_id), None)

    def has_agreement(self, product: Product, day: date) -> bool:
        """Whether the product is agreed on a date."""
        newest = reversed(self.agreements)
        return next((on for since, of, on in newest if of == product and since <= day), False)

    def need_agreement(self, product: Product, day: date, field: str) -> None:
        """Raises Refused(AGREEMENT_MISSING) naming the field that asks for the product."""
        if not self.has_agreement(product, day):
            detail = f"{self.member_id}: no agreement for {product} on {day}"
            raise Refused(Code.AGREEMENT_MISSING, field, detail)

    def fee_rule_in_force(self, day: date) -> FeeRule | None:
        """The newest fee rule whose date has come; None when all begin later, or there are none."""
        return next((rule for since, rule in reversed(self.fee_rules) if since <= day), None)

    def settlement_terms_in_force(self, day: date) -> SettlementTerms | None:
        """The newest terms whose date has come; None when all begin later, or there are none."""
        return next((one for since, one in reversed(self.settlement_terms) if since <= day), None)

    def fee_rule_on(self, day: date) -> FeeRule:
        """Raises Refused(TERMS_MISSING)."""
        rule = self.fee_rule_in_force(day)
        if rule is None:
            detail = f"{self.member_id}: no fee rule on {day}"
            raise Refused(Code.TERMS_MISSING, "member_id", detail)
        return rule

    def settlement_terms_on(self, day: date) -> SettlementTerms:
        """Raises Refused(TERMS_MISSING)."""
        terms = self.settlement_terms_in_force(day)
        if terms is None:
            detail = f"{self.member_id}: no cycle on {day}"
            raise Refused(Code.TERMS_MISSING, "member_id", detail)
        return terms


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"member-{member_id}")


def register(state: State, member_id: str, kind: Kind, name: str) -> list[Event]:
    """The same registration again returns []. Another one for the id is refused: MEMBER_EXISTS."""
    if state.kind is None:
        return [Registered(member_id, kind, name, kind == "enterprise")]
    if (state.kind, state.name) == (kind, name):
        return []
    raise Refused(
        Code.MEMBER_EXISTS, "member_id", f"{member_id} is {state.kind} {quoted(state.name)}"
    )


def add_operator(state: State, operator_id: str, role: Role) -> list[Event]:
    need(state)
    if (operator_id, role) in state.operators:
        return []
    known = any(one == operator_id for one, _ in state.operators)  # Then only its role changes.
    if len(state.operators) >= MAX_OPERATORS and not known:
        raise Refused(Code.OPERATOR_LIMIT, "operator_id")
    return [OperatorAdded(operator_id, role)]


def remove_operator(state: State, operator_id: str) -> list[Event]:
    need(state)
    if all(known != operator_id for known, _ in state.operators):
        raise Refused(Code.OPERATOR_NOT_FOUND, "operator_id", operator_id)
    return [OperatorRemoved(operator_id)]


def set_fee_rule(
    state: State,
    effective_from: date,
    rule: FeeRule,
    today: date,
    consent: Consent | None = None,
    notice_days: int = 0,
) -> list[Event]:
    """A change needs so many days of notice, and consent; the first rule begins as it likes.

    Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID, CONSENT_MISSING, NOTICE_TOO_SHORT.
    """
    need_enterprise(state)
    agreed.check_rule(rule)
    if (effective_from, rule) in state.fee_rules:
        return []
    agreed.check_effective(effective_from, today, [day for day, _ in state.fee_rules])
    if state.fee_rules:
        agreed.check_notice(effective_from, today, notice_days, consent)
    return [FeeRuleSet(effective_from, rule, consent)]


def set_settlement_terms(
    state: State, effective_from: date, terms: SettlementTerms, today: date
) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    need_enterprise(state)
    agreed.check_settlement_terms(terms)
    if (effective_from, terms) in state.settlement_terms:
        return []
    agreed.check_effective(effective_from, today, [day for day, _ in state.settlement_terms])
    return [SettlementTermsSet(effective_from, *astuple(terms))]


def sign_agreement(
    state: State, product: Product, effective_from: date, today: date
) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    need_enterprise(state)
    if (effective_from, product, True) in state.agreements:
        return []
    agreed.check_effective(effective_from, today, _dates_of(state, product))
    return [AgreementSigned(product, effective_from)]


def end_agreement(state: State, product: Product, effective_from: date, today: date) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, AGREEMENT_MISSING, TERMS_INVALID."""
    need_enterprise(state)
    if (effective_from, product, False) in state.agreements:
        return []
    state.need_agreement(product, effective_from, "product")
    agreed.check_effective(effective_from, today, _dates_of(state, product))
    return [AgreementEnded(product, effective_from)]


def _dates_of(state: State, product: Product) -> list[date]:
    return [day for day, of, _ in state.agreements if of == product]


def set_debt_limit(
    state: State, effective_from: date, limit_fen: int | None, today: date
) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    need_enterprise(state)
    if limit_fen is not None and not 0 <= limit_fen <= MAX_FEN:
        raise Refused(Code.TERMS_INVALID, "limit_fen", f"{limit_fen}: 0 to {MAX_FEN} fen")
    if (effective_from, limit_fen) in state.debt_limits:
        return []
    agreed.check_effective(effective_from, today, [day for day, _ in state.debt_limits])
    return [DebtLimitSet(effective_from, limit_fen)]


def certify(
    state: State,
    effective_from: date,
    level: int,
    sources: tuple[Source, ...],
    who: Identity,
    today: date,
) -> list[Event]:
    """The level to which a person's identity was checked, from a date on. Again: [].

    Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, MEMBER_FORGOTTEN, TERMS_INVALID, HOLDER_DIFFERS: a
    person's identity does not change.
    """
    need(state)
    if state.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", f"{state.member_id} is no person")
    agreed.check_sources(level, sources)
    customer = state.customer or who.customer
    wanted = Certified(effective_from, level, sources, who.holder, who.particulars, customer)
    if wanted in state.certified:
        return []
    if any(one.holder != who.holder for one in state.certified):
        raise Refused(Code.HOLDER_DIFFERS, "name", "the member is certified as somebody else")
    agreed.check_effective(effective_from, today, [one.effective_from for one in state.certified])
    return [wanted]


def forget(state: State, last: date, years: int, reason: str, today: date) -> list[Event]:
    """Once the law does not require its data any more. Again: [].

    Raises MEMBER_NOT_FOUND, RETENTION_NOT_OVER.
    """
    if state.forgotten:
        return []
    need(state)
    until = agreed.retained_until(last, years)
    if today < until:
        raise Refused(Code.RETENTION_NOT_OVER, "member_id", f"{state.member_id}: until {until}")
    return [Forgotten(last, years, reason)]


def forget_again(state: State, last: date, years: int) -> list[Event]:
    """A ledger was restored from before: the member stays forgotten. Again, or where the ledger has
    no such member: []."""
    if state.kind is None or state.forgotten:
        return []
    return [Forgotten(last, years, RESTORED)]


def need(state: State, field: str = "member_id") -> None:
    """`field` named it. Raises MEMBER_NOT_FOUND, MEMBER_FORGOTTEN."""
    if state.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, field)
    if state.forgotten:
        raise Refused(Code.MEMBER_FORGOTTEN, field, state.member_id)


def need_enterprise(state: State) -> None:
    need(state)
    if state.kind != "enterprise":
        detail = f"{state.member_id} is not an enterprise"
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", detail)


def evolve(state: State, event: Event) -> State:
    match event:
        case Registered(member_id=member_id, kind=kind, name=name):
            known = replace(state, member_id=member_id, kind=kind, name=name)
            return replace(known, needs_agreement=event.needs_agreement)
        case OperatorAdded(operator_id=operator_id, role=role):
            others = tuple(pair for pair in state.operators if pair[0] != operator_id)
            return replace(state, operators=(*others, (operator_id, role)))
        case OperatorRemoved(operator_id=operator_id):
            others = tuple(pair for pair in state.operators if pair[0] != operator_id)
            return replace(state, operators=others)
        case FeeRuleSet(effective_from=day, rule=rule):
            return replace(state, fee_rules=agreed.dated(state.fee_rules, day, rule))
        case SettlementTermsSet(effective_from=day):
            terms = SettlementTerms(*astuple(event)[1:])
            return replace(state, settlement_terms=agreed.dated(state.settlement_terms, day, terms))
        case AgreementSigned(product=product, effective_from=day):
            return _agreed(state, product, day, True)
        case AgreementEnded(product=product, effective_from=day):
            return _agreed(state, product, day, False)
        case DebtLimitSet(effective_from=day, limit_fen=limit_fen):
            return replace(state, debt_limits=agreed.dated(state.debt_limits, day, limit_fen))
        case Certified(effective_from=day):
            earlier = [one for one in state.certified if one.effective_from != day]
            levels = sorted([*earlier, event], key=lambda one: one.effective_from)
            return replace(state, certified=tuple(levels[-MAX_TERMS:]))
        case Forgotten():
            name = "" if state.kind == "personal" else state.name
            return replace(state, forgotten=True, name=name)
        case _:
            assert_never(event)


def _agreed(state: State, product: Product, day: date, in_force: bool) -> State:
    """Of each product at most MAX_TERMS changes are kept, as of any other term."""
    others = [one for one in state.agreements if one[1] != product]
    mine = [one for one in state.agreements if one[1] == product and one[0] != day]
    kept = sorted([*mine, (day, product, in_force)])[-MAX_TERMS:]
    return replace(state, agreements=tuple(sorted([*others, *kept])))
