"""A vault's own backup: JSON lines of ciphertext, the same of either database, never of a key.

A restore puts everything back but what is forgotten: the tombstones of before stay, those of the
backup join them, and whoever either names is left out.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, text

from domain.eventstore.database import one_view, to_write
from domain.refusals import Code, Refused

FORM = "zhangfang-vault-backup/1"
COLUMNS = {
    "vault_meta": ("name", "key_version", "content"),
    "member_keys": ("member_id", "key_version", "wrapped"),
    "items": ("member_id", "kind", "item", "field", "ciphertext", "found_by"),
    "forgotten": ("member_id", "at_us"),
    "factors": ("member_id", "kind", "ciphertext", "wrong", "locked_until_us"),
}
BYTES = frozenset(("content", "wrapped", "ciphertext"))
PAGE = 1_000


def write(engine: Engine, path: Path) -> int:
    """Write a backup of one moment; how many rows. Raises OSError, also where there is a file."""
    count = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode({"form": FORM}) + b"\n")
        with one_view(engine) as connection:
            for table in COLUMNS:
                for row in _rows(connection, table):
                    file.write(msgspec.json.encode([table, *row]) + b"\n")
                    count += 1
        file.write(msgspec.json.encode({"rows": count}) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return count


def _rows(connection: Connection, table: str) -> Iterator[list[Any]]:
    columns = COLUMNS[table]
    # Names of tables and columns are spelled above.
    result = connection.execute(text(f"SELECT {', '.join(columns)} FROM {table}"))  # noqa: S608
    for row in result.yield_per(PAGE):
        yield [
            b64encode(bytes(value)).decode() if column in BYTES and value is not None else value
            for column, value in zip(columns, row, strict=True)
        ]


def restore(engine: Engine, path: Path, prove: Callable[[Connection], None]) -> int:
    """Put a backup in the place of what is there, in one transaction; how many rows it had.

    `prove` opens all of it with the keys that are given, before anything is replaced for good.
    Raises OSError, Refused(REQUEST_INVALID, "backup") for what is no whole backup, and what `prove`
    raises: then the vault is as it was.
    """
    with path.open("rb") as file, to_write(engine) as connection:
        for table in COLUMNS:
            if table != "forgotten":
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        count = _put(connection, file)
        for table in ("member_keys", "items", "factors"):
            gone = f"DELETE FROM {table} WHERE member_id IN (SELECT member_id FROM forgotten)"  # noqa: S608
            connection.execute(text(gone))
        prove(connection)
    return count


def _put(connection: Connection, lines: Iterable[bytes]) -> int:
    count, last, waiting = 0, None, dict[str, list[dict[str, Any]]]()
    for number, line in enumerate(lines):
        try:
            value = msgspec.json.decode(line)
        except ValueError:
            raise _wrong(f"line {number + 1} is not JSON") from None
        if number == 0:
            if value != {"form": FORM}:
                raise _wrong(f"it does not begin as {FORM} does")
        elif isinstance(value, dict):
            last = value
        else:
            table, row = _row(value, number)
            waiting.setdefault(table, []).append(row)
            count += 1
            if len(waiting[table]) >= PAGE:
                _insert(connection, table, waiting.pop(table))
    if last != {"rows": count}:
        raise _wrong("it is not whole: its end is missing")
    for table, rows in waiting.items():
        _insert(connection, table, rows)
    return count


def _row(value: Any, number: int) -> tuple[str, dict[str, Any]]:
    try:
        table, *values = value
        columns = COLUMNS[table]
        row = dict(zip(columns, values, strict=True))
        for name in BYTES & row.keys():
            if row[name] is not None:
                row[name] = b64decode(row[name], validate=True)
    except (ValueError, TypeError, KeyError):
        raise _wrong(f"line {number + 1} is no row of a vault") from None
    return table, row


def _insert(connection: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    names = COLUMNS[table]
    marks = ", ".join(f":{name}" for name in names)
    kept = " ON CONFLICT DO NOTHING" if table == "forgotten" else ""
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}){kept}"  # noqa: S608
    connection.execute(text(sql), rows)


def _wrong(detail: str) -> Refused:
    return Refused(Code.REQUEST_INVALID, "backup", detail)
