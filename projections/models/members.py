"""Members (会员): who they are, their terms by effective date, their operators.

Every term that was ever set is here, by its date: setting one for a date again replaces it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    Table,
    func,
    select,
    text,
)

from domain.kernel import Recorded, key
from domain.member import member as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import Lookup, delete_rows, insert_rows, update_rows, upsert_rows
from projections.tables.listing import Listing, Names, Narrowed, given
from projections.tables.paging import (
    Page,
    columns_of,
    sought_text,
)

FORGOTTEN = "forgotten"  # What a forgotten person is called.
_GONE = text("forgotten_at_us IS NOT NULL")

TABLE = Table(
    "members",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("registered_at_us", BigInteger, nullable=False),
    Column("forgotten_at_us", BigInteger),
    Index("members_forgotten", "member_id", sqlite_where=_GONE, postgresql_where=_GONE),
    Index("members_kind", "kind", "member_id"),
)
TERMS = Table(
    "member_terms",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("effective_from", Date, primary_key=True),
    Column("rate_bps", Integer),
    Column("fixed_fen", BigInteger),
    Column("min_fen", BigInteger),
    Column("cap_fen", BigInteger),
    Column("cycle", TEXT),
    Column("max_transfer_fen", BigInteger),
    Column("limit_fen", BigInteger),
    Column("min_payout_fen", BigInteger),
    Column("reserve_bps", Integer),
    Column("reserve_days", Integer),
)
AGREEMENTS = Table(
    "member_agreements",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("product", TEXT, primary_key=True),
    Column("effective_from", Date, primary_key=True),
    Column("in_force", Boolean, nullable=False),
)
CERTIFIED = Table(
    "member_certified",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("effective_from", Date, primary_key=True),
    Column("level", Integer, nullable=False),
    Column("sources", TEXT, nullable=False),
    Column("particulars", TEXT, nullable=False),
    Column("certified_at_us", BigInteger, nullable=False),
)
OPERATORS = Table(
    "member_operators",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("operator_id", TEXT, primary_key=True),
    Column("role", TEXT, nullable=False),
)


class Delta(Struct):
    """New members by id, and who was forgotten, when; terms by (member, kind, date); whether a
    product is agreed, by (member, product, date); operators with their role, None: removed;
    certified levels by (member, date)."""

    registered: dict[str, tuple[Any, ...]]
    forgotten: dict[str, int]
    terms: dict[tuple[str, str, date], tuple[Any, ...]]
    agreements: dict[tuple[str, str, date], bool]
    operators: dict[tuple[str, str], str | None]
    certified: dict[tuple[str, date], tuple[Any, ...]]


def _new_delta() -> Delta:
    return Delta({}, {}, {}, {}, {}, {})


def _registered(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Registered = recorded.fact
    delta.registered[fact.member_id] = (fact.kind, fact.name, recorded.at_us, None)


def _forgotten(delta: Delta, recorded: Recorded) -> None:
    member_id = key(recorded.stream)
    delta.forgotten[member_id] = recorded.at_us
    new = delta.registered.get(member_id)
    if new is not None:
        delta.registered[member_id] = (new[0], _called(new[0], new[1]), new[2], recorded.at_us)


def _called(kind: str, name: str) -> str:
    """What a forgotten member is called: a company's name is not personal."""
    return FORGOTTEN if kind == "personal" else name


def _certified(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Certified = recorded.fact
    values = (fact.level, ",".join(fact.sources), fact.particulars, recorded.at_us)
    delta.certified[key(recorded.stream), fact.effective_from] = values


def _operator_added(delta: Delta, recorded: Recorded) -> None:
    fact: facts.OperatorAdded = recorded.fact
    delta.operators[key(recorded.stream), fact.operator_id] = fact.role


def _operator_removed(delta: Delta, recorded: Recorded) -> None:
    delta.operators[key(recorded.stream), recorded.fact.operator_id] = None


def _fee_rule_set(delta: Delta, recorded: Recorded) -> None:
    rule = recorded.fact.rule
    values = (rule.rate_bps, rule.fixed_fen, rule.min_fen, rule.cap_fen, *[None] * 6)
    delta.terms[key(recorded.stream), "fee", recorded.fact.effective_from] = values


def _settlement_terms_set(delta: Delta, recorded: Recorded) -> None:
    fact: facts.SettlementTermsSet = recorded.fact
    more = (fact.min_payout_fen or None, fact.reserve_bps or None, fact.reserve_days or None)
    values = (*[None] * 4, fact.cycle, fact.max_transfer_fen, None, *more)
    delta.terms[key(recorded.stream), "settlement", fact.effective_from] = values


def _debt_limit_set(delta: Delta, recorded: Recorded) -> None:
    fact: facts.DebtLimitSet = recorded.fact
    values = (*[None] * 6, fact.limit_fen, *[None] * 3)
    delta.terms[key(recorded.stream), "debt", fact.effective_from] = values


def _agreement_signed(delta: Delta, recorded: Recorded) -> None:
    fact: facts.AgreementSigned = recorded.fact
    delta.agreements[key(recorded.stream), fact.product, fact.effective_from] = True


def _agreement_ended(delta: Delta, recorded: Recorded) -> None:
    fact: facts.AgreementEnded = recorded.fact
    delta.agreements[key(recorded.stream), fact.product, fact.effective_from] = False


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    members = tables[TABLE.name]
    earlier = [(one,) for one in delta.forgotten.keys() - delta.registered.keys()]
    (rows,) = yield [Lookup(members, ("member_id",), sorted(earlier))]
    insert_rows(connection, members, [(one, *row) for one, row in delta.registered.items()])
    gone = [(row[0], _called(row[1], row[2]), delta.forgotten[row[0]]) for row in rows]
    update_rows(connection, members, gone, ("member_id",), ("name", "forgotten_at_us"))
    _write_details(connection, tables, delta)


def _write_details(connection: Connection, tables: Tables, delta: Delta) -> None:
    certified = [(*at, *values) for at, values in delta.certified.items()]
    values = tuple(column.name for column in CERTIFIED.columns)[2:]
    by_date = ("member_id", "effective_from")
    upsert_rows(connection, tables[CERTIFIED.name], certified, by_date, values)
    terms = [(*at, *values) for at, values in delta.terms.items()]
    at = ("member_id", "kind", "effective_from")
    values = tuple(column.name for column in TERMS.columns)[3:]
    upsert_rows(connection, tables[TERMS.name], terms, at, values)
    agreed = [(*at, in_force) for at, in_force in delta.agreements.items()]
    at = ("member_id", "product", "effective_from")
    upsert_rows(connection, tables[AGREEMENTS.name], agreed, at, ("in_force",))
    table = tables[OPERATORS.name]
    acting = [(*who, role) for who, role in delta.operators.items() if role is not None]
    upsert_rows(connection, table, acting, ("member_id", "operator_id"), ("role",))
    gone = [who for who, role in delta.operators.items() if role is None]
    delete_rows(connection, table, ("member_id", "operator_id"), gone)


MODEL = ReadModel(
    name="members",
    tables=(TABLE, TERMS, AGREEMENTS, OPERATORS, CERTIFIED),
    folds={
        facts.Registered: _registered,
        facts.OperatorAdded: _operator_added,
        facts.OperatorRemoved: _operator_removed,
        facts.FeeRuleSet: _fee_rule_set,
        facts.SettlementTermsSet: _settlement_terms_set,
        facts.DebtLimitSet: _debt_limit_set,
        facts.AgreementSigned: _agreement_signed,
        facts.AgreementEnded: _agreement_ended,
        facts.Certified: _certified,
        facts.Forgotten: _forgotten,
    },
    new_delta=_new_delta,
    write=_write,
)


class Terms(Struct, frozen=True):
    """Terms from a date on: of kind `fee` (basis points, fen), `settlement` (cycle, fen, basis
    points, days; None where there is none) or `debt` (its limit, fen; None: there is none)."""

    kind: str
    effective_from: date
    rate_bps: int | None
    fixed_fen: int | None
    min_fen: int | None
    cap_fen: int | None
    cycle: str | None
    max_transfer_fen: int | None
    limit_fen: int | None = None
    min_payout_fen: int | None = None
    reserve_bps: int | None = None
    reserve_days: int | None = None


class Agreement(Struct, frozen=True):
    """Whether a product is agreed from a date on."""

    product: str
    effective_from: date
    in_force: bool


class Certification(Struct, frozen=True):
    """To which level a person's identity is certified from a date on; sources with commas."""

    effective_from: date
    level: int
    sources: str
    certified_at_us: int


class Operator(Struct, frozen=True):
    operator_id: str
    role: str


class Member(Struct, frozen=True):
    """A member with all its terms, by kind and date, its operators, by id, and its agreements, by
    product and date."""

    member_id: str
    kind: str
    name: str
    registered_at_us: int
    terms: tuple[Terms, ...] = ()
    operators: tuple[Operator, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    certified: tuple[Certification, ...] = ()
    forgotten_at_us: int | None = None

    @property
    def lists(self) -> dict[str, Sequence[Terms | Operator | Agreement | Certification]]:
        """The details by what they are about."""
        return {
            "fee_rules": [one for one in self.terms if one.kind == "fee"],
            "settlement_terms": [one for one in self.terms if one.kind == "settlement"],
            "debt_limits": [one for one in self.terms if one.kind == "debt"],
            "agreements": self.agreements,
            "operators": self.operators,
            "certifications": self.certified,
        }


_NAMES = ("member_id", "kind", "name", "registered_at_us", "forgotten_at_us")
_COLUMNS = [TABLE.c[name] for name in _NAMES]


def member(connection: Connection, member_id: str) -> Member | None:
    """One member by its id."""
    wanted = TABLE.c.member_id == sought_text(member_id, "member_id")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return _with_details(connection, [row])[0] if row else None


def members(
    connection: Connection,
    kind: str | None = None,
    *,
    after: str | None = None,
    first: int = 100,
) -> Page[Member]:
    """Members by id, all or of one kind (personal, enterprise)."""
    values = {} if kind is None else {"kind": sought_text(kind, "kind")}
    found = LISTING.page(
        connection,
        values,
        after=after,
        first=first,
    )
    rows = [tuple(getattr(one, name) for name in _NAMES) for one in found.items]
    return Page(_with_details(connection, rows), found.cursors, found.has_next)


def _narrowed(names: Names) -> Narrowed:
    kind = TABLE.c.kind
    return Narrowed((TABLE.c.member_id,), [kind == given("kind", kind)] if "kind" in names else [])


LISTING = Listing("members", (str,), _narrowed, _COLUMNS, Member)


def _with_details(connection: Connection, rows: Sequence[Any]) -> list[Member]:
    """Members with their details, in the order of the rows: four queries for all."""
    ids = [row[0] for row in rows]
    query = select(TERMS.c.member_id, *columns_of(TERMS, Terms)).where(TERMS.c.member_id.in_(ids))
    terms: dict[str, list[Terms]] = {}
    for member_id, *values in connection.execute(
        query.order_by(TERMS.c.member_id, TERMS.c.kind, TERMS.c.effective_from)
    ):
        terms.setdefault(member_id, []).append(Terms(*values))
    who = select(OPERATORS).where(OPERATORS.c.member_id.in_(ids))
    operators: dict[str, list[Operator]] = {}
    for member_id, operator_id, role in connection.execute(
        who.order_by(OPERATORS.c.member_id, OPERATORS.c.operator_id)
    ):
        operators.setdefault(member_id, []).append(Operator(operator_id, role))
    signed = select(AGREEMENTS).where(AGREEMENTS.c.member_id.in_(ids))
    agreements: dict[str, list[Agreement]] = {}
    for member_id, product, since, in_force in connection.execute(
        signed.order_by(*AGREEMENTS.primary_key.columns)
    ):
        agreements.setdefault(member_id, []).append(Agreement(product, since, in_force))
    checked = select(CERTIFIED.c.member_id, *columns_of(CERTIFIED, Certification))
    certified: dict[str, list[Certification]] = {}
    for member_id, *values in connection.execute(
        checked.where(CERTIFIED.c.member_id.in_(ids)).order_by(*CERTIFIED.primary_key.columns)
    ):
        certified.setdefault(member_id, []).append(Certification(*values))
    details: Any = (terms, operators, agreements, certified)
    found: list[Member] = []
    for row in rows:
        whole: list[Any] = [*row[:4], *(tuple(one.get(row[0], ())) for one in details), row[4]]
        found.append(Member(*whole))
    return found


def forgotten(connection: Connection) -> dict[str, int]:
    """Who is forgotten, and since when (UTC µs)."""
    query = select(TABLE.c.member_id, TABLE.c.forgotten_at_us).where(_GONE)
    return {row[0]: row[1] for row in connection.execute(query.order_by(TABLE.c.member_id))}


def count(connection: Connection) -> int:
    """How many members there are, forgotten ones too."""
    return int(connection.execute(select(func.count()).select_from(TABLE)).scalar_one())


def ids_after(connection: Connection, after: str, limit: int) -> list[str]:
    """Ids of members above one, in order; those that are forgotten are left out."""
    query = select(TABLE.c.member_id).where(
        TABLE.c.member_id > after, TABLE.c.forgotten_at_us.is_(None)
    )
    return list(connection.execute(query.order_by(TABLE.c.member_id).limit(limit)).scalars())


def is_forgotten(connection: Connection, member_id: str) -> bool:
    """Whether it is, by the read model."""
    query = select(TABLE.c.forgotten_at_us).where(TABLE.c.member_id == member_id)
    return connection.execute(query).scalar() is not None
