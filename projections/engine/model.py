"""What a read model is: tables, a pure fold of facts into a delta, and one bulk write of it.

One read model, one file. Its rows are a function of facts only: no clock, no look-up elsewhere than
in its own tables. The engine commits a delta and the checkpoint together, live and in a rebuild.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, MetaData, Table, Text

from domain.kernel import Fact, Recorded
from projections.tables.bulk import Row, Wanted

METADATA = MetaData()  # Every read-model table, by its live name; created by a migration.

# Text that sorts by its bytes on both databases, as Python sorts it.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")

Delta = Any
Fold = Callable[[Delta, Recorded], None]
# The physical tables to write to, by live name: the live ones, or those of a rebuild beside them.
Tables = Mapping[str, Table]
# A write that reads: it yields what it needs to see, all it knows of at once, and is sent the rows
# of each. So the reads of all read models are one exchange with the database.
Writing = Generator[Sequence[Wanted], Sequence[list[Row]], None]


class ReadModel(NamedTuple):
    """`folds` names the facts it needs; a fact not named there only moves its checkpoint.

    `new_delta()` makes an empty delta; `folds[type(fact)](delta, recorded)` adds one fact to it,
    pure but for the delta; `write(connection, tables, delta)` applies it, by `tables/bulk.py` only,
    and is a generator (`Writing`) when it reads its own `tables` for that: none of another's.
    Applying facts in any batches gives the same rows.

    `looks_up` names the indexes, beyond the primary keys, by which `write` finds rows: a rebuild,
    which makes indexes last, makes these first, or each batch would go through the whole table.
    """

    name: str
    tables: tuple[Table, ...]
    folds: Mapping[type[Fact], Fold]
    new_delta: Callable[[], Delta]
    write: Callable[[Connection, Tables, Delta], Writing | None]
    looks_up: tuple[str, ...] = ()
