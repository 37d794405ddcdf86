"""The floor: a hand-written route for each query, one SQL statement that makes the answer's JSON.

It stands where GraphQL stands, behind the same doors, the same key check, the same reading of the
body, and reads in the same threads. Nothing can answer from these tables with less.
"""

# ruff: noqa: S608  # Every part of the SQL stands in this file.

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.context import AppContext
from api.graphql.asked import JSON, Asked
from api.graphql.plan.books import Books, Readers
from api.http.bearer import authorization
from api.http.bodies import read_body, refuse_other_types
from api.http.keys import Caller
from benchmarks.graphql.queries import QUERIES, ROWS
from projections.tables.listing import Dialect, Rendered, rendered
from projections.tables.paging import Int, after_key

Values = Mapping[str, Any]
_decoder = msgspec.json.Decoder(Asked)
_HEADERS = {"Cache-Control": "no-store"}

_LINE = {
    "at": "at_us",
    "accountingDate": "accounting_date",
    "kind": "kind",
    "reference": "reference",
    "amount": "amount_fen",
    "balance": "balance_fen",
    "position": "position",
}
_FIGURES = {
    "opening": "0",
    "sales": "sales_fen",
    "refunds": "refunds_fen",
    "fees": "fees_fen",
    "settled": "settled_fen",
    "recovered": "recovered_fen",
    "closing": "sales_fen - refunds_fen - fees_fen - settled_fen",
    "inEscrow": "in_escrow_fen",
}
_TRANSACTION = {
    "id": "transaction_id",
    "orderNo": "order_no",
    "buyerId": "buyer",
    "subject": "subject",
    "state": "state",
    "createdAt": "created_at_us",
    "amount": "amount_fen",
    "refunded": "refunded_fen",
    "fee": "fee_fen",
}
_ENTRY = {"reference": "reference", "rule": "rule", "at": "at_us"}
_ENTRY_LINE = {"account": "account", "debit": "debit_fen", "credit": "credit_fen"}
_BATCH = {
    "id": "batch_id",
    "clearingDate": "clearing_date",
    "dueDate": "due_date",
    "state": "state",
    "count": "count",
    "gross": "gross_fen",
    "fee": "fee_fen",
    "net": "net_fen",
    "payout": "payout_fen",
}
_ACCOUNT = {
    "id": "account",
    "code": "code",
    "owner": "owner",
    "status": "status",
    "balance": "balance_fen",
    "available": "balance_fen - held_fen",
}
_TRIAL_ROW = {"code": "code", "debit": "debit", "credit": "credit"}


class _Sql:
    """The statements, in the words of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._sqlite = dialect == "sqlite"

    def object(self, fields: Mapping[str, str]) -> str:
        pairs = ", ".join(f"'{name}', {column}" for name, column in fields.items())
        return f"json_object({pairs})" if self._sqlite else f"json_build_object({pairs})"

    def array(self, fields: Mapping[str, str], source: str, nested: str = "") -> str:
        """A query of the array of a source's rows, in their order; `nested` is JSON already."""
        if self._sqlite:
            shown = {name: f'"{name}"' for name in fields}
            if nested:
                shown[nested] = f'json("{nested}")'
            columns = _named(fields)
            return f"SELECT json_group_array({self.object(shown)}) FROM (SELECT {columns} {source})"
        rows = f"(SELECT {_named(fields)} {source}) AS page"
        return f"SELECT coalesce(json_agg(page), CAST('[]' AS json)) FROM {rows}"

    def text(self, query: str) -> str:
        """The query of one JSON value, as text."""
        return query if self._sqlite else f"SELECT CAST(({query}) AS text)"

    def lines(self, after: str = "") -> str:
        source = f"FROM statement_lines WHERE merchant = :merchant{after} ORDER BY seq LIMIT {ROWS}"
        return self.array(_LINE, source)

    def figures(self) -> str:
        fields = {**_FIGURES, "lines": f"({self.lines()})"}
        return f"SELECT {self.object(fields)} FROM statement_ends WHERE merchant = :merchant"

    def account(self) -> str:
        mine = "account = :account AND owner = :merchant"
        return f"SELECT {self.object(_ACCOUNT)} FROM balances WHERE {mine}"

    def transactions(self, after: str = "", more: Mapping[str, str] | None = None) -> str:
        source = (
            f"FROM transactions AS t WHERE merchant = :merchant{after} "
            f"ORDER BY created_at_us DESC, transaction_id DESC LIMIT {ROWS}"
        )
        return self.array({**_TRANSACTION, **(more or {})}, source, *(more or {}))

    def with_entries(self) -> str:
        stream = "stream = 'transaction-' || t.transaction_id"
        columns = "position, reference, rule, at_us"
        lines = self.object(_ENTRY_LINE)
        if self._sqlite:
            rows = f"(SELECT * FROM journal WHERE {stream} ORDER BY position, line_no)"
            together = f"FROM {rows} GROUP BY {columns} ORDER BY position"
            fields = {**_ENTRY, "lines": f"json_group_array({lines})"}
        else:
            together = f"FROM journal WHERE {stream} GROUP BY {columns} ORDER BY position"
            fields = {**_ENTRY, "lines": f"json_agg({lines} ORDER BY line_no)"}
        entries = self.array(fields, together, "lines")
        return self.transactions("", {"entries": f"({entries})"})

    def batches(self) -> str:
        order = f"ORDER BY clearing_date, batch_id LIMIT {ROWS}"
        return self.array(_BATCH, f"FROM settlement_batches WHERE merchant = :merchant {order}")

    def trial(self) -> str:
        last = "accounting_date = (SELECT max(accounting_date) FROM trial_days)"
        net = f"SELECT code, debit_fen - credit_fen AS net FROM trial_days WHERE {last}"
        most = "max" if self._sqlite else "greatest"
        sides = f"{most}(net, 0) AS debit, {most}(-net, 0) AS credit"
        rows = f"(SELECT code, {sides} FROM ({net}) AS nets ORDER BY code) AS sides"
        if self._sqlite:
            shown = f"json_group_array({self.object(_TRIAL_ROW)})"
        else:
            shown = f"json_agg({self.object(_TRIAL_ROW)})"
        sums = {"debits": "sum(debit)", "credits": "sum(credit)"}
        whole = {"rows": shown, **sums, "balanced": "sum(debit) = sum(credit)"}
        return f"SELECT {self.object(whole)} FROM {rows}"


def _named(fields: Mapping[str, str]) -> str:
    return ", ".join(f'{column} AS "{name}"' for name, column in fields.items())


def _statements(dialect: Dialect) -> dict[str, Rendered]:
    sql = _Sql(dialect)
    queries = {
        "50 lines": sql.lines(),
        "50 lines and figures": sql.figures(),
        "one account": sql.account(),
        "50 transactions": sql.transactions(),
        "50 with entries": sql.with_entries(),
        "50 batches": sql.batches(),
        "trial balance": sql.trial(),
        "50 lines, deep": sql.lines(" AND seq > :seq"),
        "50 transactions, deep": sql.transactions(
            " AND (created_at_us, transaction_id) < (:created_at_us, :transaction_id)"
        ),
    }
    return {name: rendered(text(sql.text(query)), dialect) for name, query in queries.items()}


def _line(after: str) -> Values:
    return {"seq": after_key("statement_lines", after, Int)[0]}


def _transaction(after: str) -> Values:
    created_at_us, transaction_id = after_key("transactions", after, Int, str)
    return {"created_at_us": created_at_us, "transaction_id": transaction_id}


_PLACES: Mapping[str, Callable[[str], Values]] = {
    "50 lines, deep": _line,
    "50 transactions, deep": _transaction,
}


def floor_app(context: AppContext) -> ASGIApp:
    """The application that stands in for GraphQL's. A request's text and whether it goes on after
    a cursor say which query it is."""
    readers = Readers(context.ledger.database)
    statements = _statements(context.ledger.database.dialect)
    names = {(one.text, one.name in _PLACES): one.name for one in QUERIES}

    def read(books: Books, statement: Rendered, values: Values) -> bytes:
        shown: str = books.rows(statement, values)[0][0]
        return shown.encode()

    async def respond(request: Request, caller: Caller) -> Response:
        refuse_other_types(request)
        asked = _decoder.decode(await read_body(request))
        given = asked.variables or {}
        after = given.get("after")
        name = names[asked.query or "", after is not None]
        values = {"merchant": caller.member, **given}
        if after is not None:
            values |= _PLACES[name](after)
        shown = await readers.run(lambda books: read(books, statements[name], values))
        return Response(shown, 200, _HEADERS, media_type=JSON)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller = await context.keys.caller(authorization(request))
        context.rates.charge(caller)
        await (await respond(request, caller))(scope, receive, send)

    return app
