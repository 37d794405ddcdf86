"""The event store: events, commit log, receipts, snapshots, API keys.

History is append-only: triggers refuse UPDATE and DELETE (and TRUNCATE on PostgreSQL) of events,
commit log and receipts to everybody, the owner too. Positions are given out by the writer under the
ledger's lock, so there is no sequence, and a role with SELECT and INSERT alone can keep the ledger.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("events", "commit_log", "receipts")

# COLLATE "C": order of bytes, the same as on SQLite and in Python, and the cheapest to compare.
# toast_tuple_target: a fact of a few kB stays in its row; compressing it cost more than it saved.
POSTGRESQL = """
CREATE TYPE stored_event_text AS (
    originator_id text, originator_version bigint, topic text, state bytea
);

CREATE TABLE events (
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL PRIMARY KEY,
    CONSTRAINT events_stream_version UNIQUE (originator_id, originator_version)
) WITH (toast_tuple_target = 8160);

CREATE TABLE commit_log (
    number bigint NOT NULL PRIMARY KEY,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    receipts integer NOT NULL,
    recorded_at_us bigint NOT NULL,
    digest bytea NOT NULL,
    hash bytea NOT NULL
);

CREATE TABLE receipts (
    number text COLLATE "C" NOT NULL PRIMARY KEY,
    digest bytea NOT NULL,
    outcome bytea NOT NULL,
    commit_number bigint NOT NULL
);

CREATE INDEX receipts_commit_number ON receipts (commit_number);

CREATE TABLE snapshots (
    stream text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (stream, version)
) WITH (toast_tuple_target = 8160);

CREATE TABLE api_keys (
    id text NOT NULL PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    role text NOT NULL,
    member text,
    note text NOT NULL,
    created_at_us bigint NOT NULL,
    revoked_at_us bigint
)
"""

POSTGRESQL_FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%% is append-only: %% is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$
"""

# ALWAYS: the trigger also fires for a session that plays the part of a replica.
POSTGRESQL_TRIGGER = (
    """CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only",
)

SQLITE = """
CREATE TABLE events (
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    notification_id INTEGER NOT NULL PRIMARY KEY,
    CONSTRAINT events_stream_version UNIQUE (originator_id, originator_version)
);
CREATE TABLE commit_log (
    number INTEGER NOT NULL PRIMARY KEY,
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    receipts INTEGER NOT NULL,
    recorded_at_us INTEGER NOT NULL,
    digest BLOB NOT NULL,
    hash BLOB NOT NULL
);
CREATE TABLE receipts (
    number TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    outcome BLOB NOT NULL,
    commit_number INTEGER NOT NULL
);
CREATE INDEX receipts_commit_number ON receipts (commit_number);
CREATE TABLE snapshots (
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (stream, version)
);
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    member TEXT,
    note TEXT NOT NULL,
    created_at_us INTEGER NOT NULL,
    revoked_at_us INTEGER
)
"""

SQLITE_TRIGGER = """
CREATE TRIGGER {table}_refuse_{operation} BEFORE {operation} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: {operation} is refused'); END
"""

# INSERT OR REPLACE deletes rows without firing DELETE triggers: what exists must not come again.
SQLITE_NO_REPLACE = """
CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table}
WHEN EXISTS ({same})
BEGIN SELECT RAISE(ABORT, '{table} is append-only: a row with this key is there'); END
"""
SQLITE_SAME = {
    "events": (
        "notification_id = NEW.notification_id",
        "originator_id = NEW.originator_id AND originator_version = NEW.originator_version",
    ),
    "commit_log": ("number = NEW.number",),
    "receipts": ("number = NEW.number",),
}


def upgrade() -> None:
    """Create the tables and their triggers, on either database."""
    if op.get_bind().dialect.name == "postgresql":
        # One statement at a time: a distributed database takes no more.
        for statement in (*POSTGRESQL.split(";\n\n"), POSTGRESQL_FUNCTION):
            op.get_bind().exec_driver_sql(statement)
        for table in APPEND_ONLY:
            for statement in POSTGRESQL_TRIGGER:
                op.get_bind().exec_driver_sql(statement.format(table=table))
        return
    for statement in SQLITE.split(";"):
        op.get_bind().exec_driver_sql(statement)
    for table in APPEND_ONLY:
        for operation in ("UPDATE", "DELETE"):
            op.get_bind().exec_driver_sql(SQLITE_TRIGGER.format(table=table, operation=operation))
        same = " UNION ALL ".join(
            f"SELECT 1 FROM {table} WHERE {condition}"  # noqa: S608 - our own literals
            for condition in SQLITE_SAME[table]
        )
        op.get_bind().exec_driver_sql(SQLITE_NO_REPLACE.format(table=table, same=same))


def downgrade() -> None:
    """Refused: going back would delete history."""
    raise NotImplementedError("the event store is never removed by a migration")
