"""What the schema itself must refuse, and whether it still does: on either database.

History is protected by triggers, keys and constraints, on PostgreSQL by grants too. Whoever owns
the database can take them away and put them back, so that their being there proves nothing about
the past; their being gone, or doing something else, is found here.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine


class Shape(NamedTuple):
    """A table: its columns with PostgreSQL's types (`?` = may be NULL), its key, what is unique."""

    columns: str
    key: str
    unique: tuple[str, ...] = ()


TABLES = {
    "events": Shape(
        "originator_id text, originator_version bigint, topic text, state bytea,"
        " notification_id bigint",
        "notification_id",
        ("originator_id, originator_version",),
    ),
    "commit_log": Shape(
        "number bigint, first_position bigint, last_position bigint, receipts integer,"
        " recorded_at_us bigint, digest bytea, hash bytea, seal_number bigint, seal bytea",
        "number",
    ),
    "receipts": Shape(
        "number text, digest bytea, outcome bytea, commit_number bigint",
        "number",
    ),
    "sealed_changes": Shape(
        "seal_number bigint, commit_number bigint, entry bytea, seal bytea",
        "seal_number",
    ),
    "blobs": Shape("sha256 bytea, bytes bytea", "sha256"),
    "blob_pieces": Shape("sha256 bytea, number integer, bytes bytea", "sha256, number"),
    "api_keys": Shape(
        "id text, digest bytea, role text, member text?, note text, created_at_us bigint,"
        " revoked_at_us bigint?, operator text?",
        "id",
        ("digest",),
    ),
}
APPEND_ONLY = ("events", "commit_log", "receipts", "sealed_changes", "blobs", "blob_pieces")

Wrong = Iterator[tuple[str, str]]  # Where, and what is off.
Check = Callable[[Connection], Wrong]


def broken_guards(engine: Engine) -> list[tuple[str, str]]:
    """What is off: the table, trigger, function or role, and in which way; nothing if all is well.

    Raises the database's errors.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            checks: tuple[Check, ...] = (_postgres_tables, _postgres_triggers, _postgres_grants)
        else:
            checks = (_sqlite_tables, _sqlite_triggers)
        return [wrong for check in checks for wrong in check(connection)]


def _compared(where: str, what: str, found: Any, expected: Any) -> Wrong:
    if found != expected:
        yield where, f"{what}: {_said(found)} where {_said(expected)} is needed"


def _said(value: Any) -> str:
    if isinstance(value, set | list):
        return "; ".join(sorted(map(str, value))) or "none"
    return str(value)


# SQLite.

_SQLITE_TYPES = {"bigint": "INTEGER", "integer": "INTEGER", "text": "TEXT", "bytea": "BLOB"}
_DEFAULTS = {"seal_number": "0", "seal": "x''"}  # Of columns that came later; a trigger refuses it.


def _sqlite_tables(connection: Connection) -> Wrong:
    run = connection.exec_driver_sql
    for table, shape in TABLES.items():
        kind = run("SELECT type, sql FROM sqlite_master WHERE name = ?", (table,)).first()
        if kind is None or kind[0] != "table":
            yield table, "is no table" if kind else "is not there"
            continue
        columns = [tuple(r) for r in run(f"SELECT * FROM pragma_table_xinfo('{table}')")]  # noqa: S608
        found = [f"{name} {type_}{'' if needed else '?'}" for _, name, type_, needed, *_ in columns]
        yield from _compared(table, "columns", found, list(_sqlite_columns(shape)))
        key = ", ".join(name for _, name, *_, pk, _ in columns if pk)
        yield from _compared(table, "primary key", key, shape.key)
        unique = set()
        for _, index, is_unique, origin, partial in run(f"PRAGMA index_list('{table}')").all():
            if is_unique and origin != "pk" and not partial:
                names = [row[2] for row in run(f"PRAGMA index_info('{index}')")]
                unique.add(", ".join(map(str, names)))
        yield from _compared(table, "unique constraints", unique, set(shape.unique))
        for _, name, _, _, default, _, hidden in columns:
            allowed = _DEFAULTS.get(name) if table == "commit_log" else None
            if hidden or default != allowed:
                yield table, f"column {name} makes its value up: {default}"
        if "ON CONFLICT" in kind[1].upper():
            yield table, "says ON CONFLICT: a key that exists may be replaced, not refused"


def _sqlite_columns(shape: Shape) -> Iterator[str]:
    for column in shape.columns.split(", "):
        name, _, type_ = column.partition(" ")
        optional = "?" if type_.endswith("?") else ""
        yield f"{name} {_SQLITE_TYPES[type_.rstrip('?')]}{optional}"


def _sqlite_triggers(connection: Connection) -> Wrong:
    rows = connection.exec_driver_sql(
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
    )
    found = {name: _squeezed(sql) for name, table, sql in rows if table in TABLES}
    needed = {name: _squeezed(sql) for name, sql in _sqlite_needed()}
    yield from _differing(found, needed)


def _squeezed(sql: str) -> str:
    return " ".join(sql.split())


def _differing(found: dict[str, Any], needed: dict[str, Any]) -> Wrong:
    for name in sorted(found.keys() | needed.keys()):
        if name not in found:
            yield f"trigger {name}", "is not there: history can be changed"
        elif name not in needed:
            yield f"trigger {name}", "is none of ours: it may change what is written"
        elif found[name] != needed[name]:
            yield f"trigger {name}", "is not what it should be: history can be changed"


_SAME = {
    "events": (
        "notification_id = NEW.notification_id",
        "originator_id = NEW.originator_id AND originator_version = NEW.originator_version",
    ),
    "commit_log": ("number = NEW.number",),
    "receipts": ("number = NEW.number",),
    "sealed_changes": ("seal_number = NEW.seal_number",),
    "blobs": ("sha256 = NEW.sha256",),
    "blob_pieces": ("sha256 = NEW.sha256 AND number = NEW.number",),
}


def _sqlite_needed() -> Iterator[tuple[str, str]]:
    for table in APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            name = f"{table}_refuse_{change}"
            yield (
                name,
                f"CREATE TRIGGER {name} BEFORE {change} ON {table} BEGIN SELECT "
                f"RAISE(ABORT, '{table} is append-only: {change} is refused'); END",
            )
        same = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE {c}" for c in _SAME[table])  # noqa: S608
        yield (
            f"{table}_refuse_replace",
            f"CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table} WHEN EXISTS ({same}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: a row with this key is there'); "
            "END",
        )
    yield (
        "commit_log_refuse_unsealed",
        "CREATE TRIGGER commit_log_refuse_unsealed BEFORE INSERT ON commit_log "
        "WHEN length(NEW.seal) <> 32 "
        "BEGIN SELECT RAISE(ABORT, 'commit_log: a commit without a seal is refused'); END",
    )


# PostgreSQL.

_CLASS = """
    SELECT c.oid, c.relkind::text, c.relpersistence::text, c.relrowsecurity,
        EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid),
        EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
    FROM pg_class c WHERE c.relname = %s AND c.relnamespace = current_schema::regnamespace"""
_COLUMNS = """
    SELECT attname || ' ' || format_type(atttypid, atttypmod)
        || CASE WHEN attnotnull THEN '' ELSE '?' END, atthasdef OR attidentity <> ''
    FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
_UNIQUE = """
    SELECT i.indisprimary, string_agg(a.attname, ', ' ORDER BY k.place)
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indimmediate
        AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
    GROUP BY i.indexrelid, i.indisprimary"""
# What a trigger does: when (its type's bits), whether it is on, how it is limited, what it calls.
_TRIGGERS = """
    SELECT t.tgname, c.relname, t.tgtype, t.tgenabled::text, t.tgqual IS NULL, t.tgnargs,
        cardinality(t.tgattr::int2[]), p.proname, p.pronamespace = c.relnamespace, l.lanname,
        p.prosrc
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
    WHERE c.relnamespace = current_schema::regnamespace AND NOT t.tgisinternal"""
# Every right on a table or on one of its columns, of others than its owner.
_GRANTS = """
    SELECT c.relname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
        string_agg(DISTINCT a.privilege_type, ', ' ORDER BY a.privilege_type)
    FROM pg_class c
    CROSS JOIN LATERAL (
        SELECT * FROM aclexplode(c.relacl)
        UNION ALL
        SELECT e.* FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) AS e
        WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL) AS a
    WHERE c.relnamespace = current_schema::regnamespace AND c.relkind = 'r'
        AND a.grantee <> c.relowner AND a.privilege_type NOT IN ('SELECT', 'INSERT')
    GROUP BY 1, 2 ORDER BY 1, 2"""
_BEFORE_UPDATE_DELETE_TRUNCATE = 2 + 8 + 16 + 32  # Bits of tgtype; 1, each row, is not among them.
_REFUSE = _squeezed("""
    BEGIN RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege'; END""")


def _postgres_tables(connection: Connection) -> Wrong:
    run = connection.exec_driver_sql
    for table, shape in TABLES.items():
        found = run(_CLASS, (table,)).first()
        if found is None or found[1] != "r":
            yield table, "is no table" if found else "is not there"
            continue
        oid, _, persistence, row_security, rules, inheritance = found
        columns = run(_COLUMNS, (oid,)).all()
        named = [column[0] for column in columns]
        yield from _compared(table, "columns", named, shape.columns.split(", "))
        unique = {tuple(row) for row in run(_UNIQUE, (oid,))}
        keys = {names for primary, names in unique if primary}
        yield from _compared(table, "primary key", keys, {shape.key})
        others = {names for primary, names in unique if not primary}
        yield from _compared(table, "unique constraints", others, set(shape.unique))
        for is_so, what in (
            (any(column[1] for column in columns), "a column makes its value up"),
            (persistence != "p", "is unlogged: a crash of the server empties it"),
            (row_security, "has row security: rows may be hidden"),
            (rules, "has rules: what is written or read may be something else"),
            (inheritance, "has children or a parent: rows of other tables show up in it"),
        ):
            if is_so:
                yield table, what


def _postgres_triggers(connection: Connection) -> Wrong:
    found = {
        name: (table, *rest[:-1], _squeezed(rest[-1]))
        for name, table, *rest in connection.exec_driver_sql(_TRIGGERS)
        if table in TABLES
    }
    does = (_BEFORE_UPDATE_DELETE_TRUNCATE, "A", True, 0, 0, "refuse_change", True, "plpgsql")
    needed = {f"{table}_append_only": (table, *does, _REFUSE) for table in APPEND_ONLY}
    yield from _differing(found, needed)


def _postgres_grants(connection: Connection) -> Wrong:
    for table, role, rights in connection.exec_driver_sql(_GRANTS):
        if table in APPEND_ONLY:
            yield f"role {role}", f"may do more with {table} than INSERT and SELECT: {rights}"
