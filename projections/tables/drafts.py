"""Rows that are made by one fact and changed by later ones: how a batch of facts becomes both.

A row that is new in the batch is changed in memory. What happens to a row of an earlier batch is
kept in order until the batch is written, when those rows are read once and changed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import Connection, Table

from domain.kernel import Recorded
from projections.engine.model import Writing
from projections.tables.bulk import Lookup, Row, insert_rows, update_rows

# Changes a row (a struct in the order of the table's columns) by a fact.
Change = Callable[[Any, Recorded], None]


class Drafts(Struct):
    """Rows of the batch, by key, as they are at its end; what happened to earlier ones, in order.
    A row has a column `last_position`."""

    created: dict[str, Any]
    earlier: dict[str, list[Recorded]]
    changes: Mapping[type, Change]

    def happened(self, key: str, recorded: Recorded) -> None:
        """A fact changes the row of this key."""
        row = self.created.get(key)
        if row is not None:
            self._apply(row, recorded)
        elif key in self.earlier:
            self.earlier[key].append(recorded)
        else:
            self.earlier[key] = [recorded]

    def _apply(self, row: Any, recorded: Recorded) -> None:
        self.changes[type(recorded.fact)](row, recorded)
        row.last_position = recorded.position

    def write(
        self, connection: Connection, table: Table, make: Callable[..., Any], fixed: int
    ) -> Writing:
        """Insert and update. The first column is the key, `make` builds a row from its columns, and
        the first `fixed` columns never change. Raises LookupError for a row that was never made."""
        (rows,) = yield [self.wanted(table)]
        self.store(connection, table, make, fixed, rows)

    def wanted(self, table: Table) -> Lookup:
        """The earlier rows that something happened to; for those who look up more beside them."""
        key = next(iter(table.columns)).name
        return Lookup(table, (key,), [(one,) for one in self.earlier])

    def store(
        self,
        connection: Connection,
        table: Table,
        make: Callable[..., Any],
        fixed: int,
        rows: Sequence[Row],
    ) -> None:
        """The same as `write`, once the rows that are `wanted` are there."""
        names = [column.name for column in table.columns]
        earlier = dict(self.earlier)
        updated: list[tuple[Any, ...]] = []
        for found in rows:
            row = make(*found)
            for recorded in earlier.pop(found[0]):
                self._apply(row, recorded)
            updated.append((found[0], *astuple(row)[fixed:]))
        if earlier:
            raise LookupError(f"{table.name} has no row {min(earlier)}")
        insert_rows(connection, table, [astuple(row) for row in self.created.values()])
        update_rows(connection, table, updated, names[:1], names[fixed:])
