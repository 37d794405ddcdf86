"""Merchant agreements (签约): every version that was signed, and every end, by its date.

Signing again for a date replaces what was signed for it. What a merchant of before agreements may
use without one is no row: nobody signed it.
"""

from datetime import date
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Boolean, Column, Connection, Date, Integer, Table, select

from domain.kernel import Recorded, key
from domain.member import agreement
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import upsert_rows
from projections.tables.paging import sought_text

TABLE = Table(
    "merchant_agreements",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("effective_from", Date, primary_key=True),
    Column("in_force", Boolean, nullable=False),
    Column("products", TEXT, nullable=False),  # JSON, as the next two.
    Column("methods", TEXT, nullable=False),
    Column("sub_mchids", TEXT, nullable=False),
    Column("refund_days", Integer),
    Column("debt_limit_fen", BigInteger),
    Column("cut_off", TEXT, nullable=False),
    Column("signed_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)
_AT = ("member_id", "effective_from")
_VALUES = tuple(column.name for column in TABLE.columns)[len(_AT) :]


class Delta(Struct, gc=False):
    """The values of a version by member and date."""

    versions: dict[tuple[str, date], tuple[Any, ...]]


def _new_delta() -> Delta:
    return Delta({})


def _signed(delta: Delta, recorded: Recorded) -> None:
    fact: agreement.Signed = recorded.fact
    terms = fact.terms
    lists = (_json(terms.products), _json(terms.methods), _json(terms.sub_mchids))
    single = (terms.refund_days, terms.debt_limit_fen, terms.cut_off)
    values = (True, *lists, *single, recorded.at_us, recorded.position)
    delta.versions[key(recorded.stream), fact.effective_from] = values


def _ended(delta: Delta, recorded: Recorded) -> None:
    fact: agreement.Ended = recorded.fact
    nothing = ("[]", "[]", "[]", None, None, "")
    values = (False, *nothing, recorded.at_us, recorded.position)
    delta.versions[key(recorded.stream), fact.effective_from] = values


def _json(values: Any) -> str:
    return msgspec.json.encode(values).decode()


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    rows = [(*at, *values) for at, values in delta.versions.items()]
    upsert_rows(connection, tables[TABLE.name], rows, _AT, _VALUES)


MODEL = ReadModel(
    name="agreements",
    tables=(TABLE,),
    folds={agreement.Signed: _signed, agreement.Ended: _ended},
    new_delta=_new_delta,
    write=_write,
)


class Version(Struct, frozen=True):
    """What a merchant may use from a date on; `in_force` False: nothing. `position`: of the fact
    that says so."""

    effective_from: date
    in_force: bool
    products: tuple[str, ...]
    methods: tuple[agreement.Method, ...]
    sub_mchids: tuple[agreement.SubMerchant, ...]
    refund_days: int | None
    debt_limit_fen: int | None
    cut_off: str
    signed_at_us: int
    position: int


def agreements_of(connection: Connection, member_id: str) -> list[Version]:
    """The versions of a merchant, by date."""
    whose = TABLE.c.member_id == sought_text(member_id, "member_id")
    query = select(*(TABLE.c[name] for name in Version.__struct_fields__)).where(whose)
    found = connection.execute(query.order_by(TABLE.c.effective_from))
    return [_version(tuple(row)) for row in found]


def _version(row: tuple[Any, ...]) -> Version:
    lists = (tuple[str, ...], tuple[agreement.Method, ...], tuple[agreement.SubMerchant, ...])
    read = (msgspec.json.decode(row[2 + n], type=kind) for n, kind in enumerate(lists))
    values: list[Any] = [*row[:2], *read, *row[5:]]
    return Version(*values)
