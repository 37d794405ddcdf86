"""Member (会员): a personal or enterprise customer, its operators, and an enterprise's terms.

    (none) ──register──▶ active

Terms (fee rule, settlement cycle, debt limit, agreements for products) are effective-dated: a
change takes effect on a date that has not passed, and what was in force when a transaction was
created stays on that transaction. So only the terms that can still apply are kept in the state; the
history is in the facts.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.member.terms import parse_cycle
from domain.money import BASIS, MAX_FEN, FeeRule
from domain.refusals import Code, Refused
from domain.texts import quoted

Kind = Literal["personal", "enterprise"]
Role = Literal["owner", "finance", "viewer"]
Product = Literal["instant"]  # What a merchant may use only by agreement.
# What the API has for merchants, by the commands' stored names.
ApiCommand = Literal[
    "member.add_operator",
    "member.remove_operator",
    "order.checkout",
    "order.pay",
    "order.close",
    "transaction.refund",
    "approval.withdraw",
]
MAX_OPERATORS = 100
MAX_TERMS = 20


class Registered(Fact, frozen=True):
    member_id: str
    kind: Kind
    name: str


class OperatorAdded(Fact, frozen=True):
    operator_id: str
    role: Role


class OperatorRemoved(Fact, frozen=True):
    operator_id: str


class FeeRuleSet(Fact, frozen=True):
    effective_from: date
    rule: FeeRule


class SettlementTermsSet(Fact, frozen=True):
    """The cycle, and the most one transfer may carry in fen (a larger payout is split; what 25
    transfers cannot carry is paid by the next batch)."""

    effective_from: date
    cycle: str
    max_transfer_fen: int | None


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


class ApiCommandsSet(Fact, frozen=True):
    """The commands of the API that a merchant has been given, from a date on; None: all there are
    for merchants."""

    effective_from: date
    commands: tuple[ApiCommand, ...] | None


Event = (
    Registered
    | OperatorAdded
    | OperatorRemoved
    | FeeRuleSet
    | SettlementTermsSet
    | AgreementSigned
    | AgreementEnded
    | DebtLimitSet
    | ApiCommandsSet
)


class SettlementTerms(Struct, frozen=True):
    cycle: str
    max_transfer_fen: int | None = None


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
    api_commands: tuple[tuple[date, tuple[ApiCommand, ...] | None], ...] = ()

    def debt_limit_in_force(self, day: date) -> int | None:
        """The most that may be owed for advances, in fen; None when there is no limit."""
        return next((limit for since, limit in reversed(self.debt_limits) if since <= day), None)

    def may_call(self, command: str, day: date) -> bool:
        """Whether the member has been given a command of the API; before anything was said of it,
        it has all of them."""
        newest = reversed(self.api_commands)
        given = next((commands for since, commands in newest if since <= day), None)
        return given is None or command in given

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
        return [Registered(member_id, kind, name)]
    if (state.kind, state.name) == (kind, name):
        return []
    raise Refused(
        Code.MEMBER_EXISTS, "member_id", f"{member_id} is {state.kind} {quoted(state.name)}"
    )


def add_operator(state: State, operator_id: str, role: Role) -> list[Event]:
    _need(state)
    if (operator_id, role) in state.operators:
        return []
    known = any(one == operator_id for one, _ in state.operators)  # Then only its role changes.
    if len(state.operators) >= MAX_OPERATORS and not known:
        raise Refused(Code.OPERATOR_LIMIT, "operator_id")
    return [OperatorAdded(operator_id, role)]


def remove_operator(state: State, operator_id: str) -> list[Event]:
    _need(state)
    if all(known != operator_id for known, _ in state.operators):
        raise Refused(Code.OPERATOR_NOT_FOUND, "operator_id", operator_id)
    return [OperatorRemoved(operator_id)]


def set_fee_rule(state: State, effective_from: date, rule: FeeRule, today: date) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    _need_enterprise(state)
    _check_rule(rule)
    if (effective_from, rule) in state.fee_rules:
        return []
    _check_effective(effective_from, today, [day for day, _ in state.fee_rules])
    return [FeeRuleSet(effective_from, rule)]


def set_settlement_terms(
    state: State, effective_from: date, terms: SettlementTerms, today: date
) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    _need_enterprise(state)
    parse_cycle(terms.cycle, "settlement_cycle")
    most = terms.max_transfer_fen
    if most is not None and not 1 <= most <= MAX_FEN:
        raise Refused(Code.TERMS_INVALID, "max_transfer_fen", f"{most} fen")
    if (effective_from, terms) in state.settlement_terms:
        return []
    _check_effective(effective_from, today, [day for day, _ in state.settlement_terms])
    return [SettlementTermsSet(effective_from, terms.cycle, most)]


def sign_agreement(
    state: State, product: Product, effective_from: date, today: date
) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    _need_enterprise(state)
    if (effective_from, product, True) in state.agreements:
        return []
    _check_effective(effective_from, today, _dates_of(state, product))
    return [AgreementSigned(product, effective_from)]


def end_agreement(state: State, product: Product, effective_from: date, today: date) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, AGREEMENT_MISSING, TERMS_INVALID."""
    _need_enterprise(state)
    if (effective_from, product, False) in state.agreements:
        return []
    state.need_agreement(product, effective_from, "product")
    _check_effective(effective_from, today, _dates_of(state, product))
    return [AgreementEnded(product, effective_from)]


def _dates_of(state: State, product: Product) -> list[date]:
    return [day for day, of, _ in state.agreements if of == product]


def set_debt_limit(
    state: State, effective_from: date, limit_fen: int | None, today: date
) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    _need_enterprise(state)
    if limit_fen is not None and not 0 <= limit_fen <= MAX_FEN:
        raise Refused(Code.TERMS_INVALID, "limit_fen", f"{limit_fen}: 0 to {MAX_FEN} fen")
    if (effective_from, limit_fen) in state.debt_limits:
        return []
    _check_effective(effective_from, today, [day for day, _ in state.debt_limits])
    return [DebtLimitSet(effective_from, limit_fen)]


def set_api_commands(
    state: State, effective_from: date, commands: tuple[ApiCommand, ...] | None, today: date
) -> list[Event]:
    """Raises MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, TERMS_INVALID."""
    _need_enterprise(state)
    given = None if commands is None else tuple(sorted(set(commands)))
    if (effective_from, given) in state.api_commands:
        return []
    _check_effective(effective_from, today, [day for day, _ in state.api_commands])
    return [ApiCommandsSet(effective_from, given)]


def _check_rule(rule: FeeRule) -> None:
    for field in rule.__struct_fields__:
        value = getattr(rule, field)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole and not (field == "cap_fen" and value is None):
            raise Refused(Code.TERMS_INVALID, field, "a whole number is needed")
    if not 0 <= rule.rate_bps <= BASIS:
        raise Refused(Code.TERMS_INVALID, "rate_bps", f"{rule.rate_bps}: 0 to {BASIS}")
    for field in ("fixed_fen", "min_fen"):
        if not 0 <= getattr(rule, field) <= MAX_FEN:
            raise Refused(Code.TERMS_INVALID, field, "fen, not negative")
    if rule.cap_fen is not None and not rule.min_fen <= rule.cap_fen <= MAX_FEN:
        raise Refused(Code.TERMS_INVALID, "cap_fen", "fen, not below min_fen")


def _check_effective(effective_from: date, today: date, known: list[date]) -> None:
    if effective_from < today:
        raise Refused(Code.TERMS_INVALID, "effective_from", f"{effective_from} has passed")
    # One place stays for the terms in force today: evolve drops the oldest beyond MAX_TERMS.
    if sum(day > today for day in known) >= MAX_TERMS - 1:
        raise Refused(Code.TERMS_INVALID, "effective_from", f"{MAX_TERMS} changes are waiting")


def _need(state: State) -> None:
    if state.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id")


def _need_enterprise(state: State) -> None:
    _need(state)
    if state.kind != "enterprise":
        raise Refused(
            Code.MEMBER_KIND_WRONG, "member_id", f"{state.member_id} is not an enterprise"
        )


def evolve(state: State, event: Event) -> State:
    match event:
        case Registered(member_id=member_id, kind=kind, name=name):
            return replace(state, member_id=member_id, kind=kind, name=name)
        case OperatorAdded(operator_id=operator_id, role=role):
            others = tuple(pair for pair in state.operators if pair[0] != operator_id)
            return replace(state, operators=(*others, (operator_id, role)))
        case OperatorRemoved(operator_id=operator_id):
            others = tuple(pair for pair in state.operators if pair[0] != operator_id)
            return replace(state, operators=others)
        case FeeRuleSet(effective_from=day, rule=rule):
            kept = [pair for pair in state.fee_rules if pair[0] != day]
            rules = sorted([*kept, (day, rule)], key=lambda pair: pair[0])
            return replace(state, fee_rules=tuple(rules[-MAX_TERMS:]))
        case SettlementTermsSet(effective_from=day, cycle=cycle, max_transfer_fen=most):
            left = [pair for pair in state.settlement_terms if pair[0] != day]
            terms = SettlementTerms(cycle, most)
            all_terms = sorted([*left, (day, terms)], key=lambda pair: pair[0])
            return replace(state, settlement_terms=tuple(all_terms[-MAX_TERMS:]))
        case AgreementSigned(product=product, effective_from=day):
            return _agreed(state, product, day, True)
        case AgreementEnded(product=product, effective_from=day):
            return _agreed(state, product, day, False)
        case DebtLimitSet(effective_from=day, limit_fen=limit_fen):
            others_left = [pair for pair in state.debt_limits if pair[0] != day]
            limits = sorted([*others_left, (day, limit_fen)], key=lambda pair: pair[0])
            return replace(state, debt_limits=tuple(limits[-MAX_TERMS:]))
        case ApiCommandsSet(effective_from=day, commands=commands):
            other_days = [pair for pair in state.api_commands if pair[0] != day]
            given = sorted([*other_days, (day, commands)], key=lambda pair: pair[0])
            return replace(state, api_commands=tuple(given[-MAX_TERMS:]))
        case _:
            assert_never(event)


def _agreed(state: State, product: Product, day: date, in_force: bool) -> State:
    """Of each product at most MAX_TERMS changes are kept, as of any other term."""
    others = [one for one in state.agreements if one[1] != product]
    mine = [one for one in state.agreements if one[1] == product and one[0] != day]
    kept = sorted([*mine, (day, product, in_force)])[-MAX_TERMS:]
    return replace(state, agreements=tuple(sorted([*others, *kept])))
