"""Every statement the PostgreSQL recorder runs, by name; one at a time, as distributed databases
want them.

`{s}` is the schema of the ledger; `{patience}`, `{lock_key}`, `{channel}` literals of a recorder.
"""

# Every statement here finds its rows by key. A table that grows from nothing to millions within a
# minute outruns the statistics, and a cached plan made for an empty table would scan it.
SESSION_SETTINGS = b"""
    SELECT set_config(name, 'off', false) FROM unnest(ARRAY[
        'enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'jit'
    ]) AS name"""

# The newest commit with its seal, and the newest seal of something else; on both databases.
NEWEST = """
    SELECT c.number, c.last_position, c.hash, c.seal_number, c.seal, s.seal_number, s.seal
    FROM (SELECT 1) AS one
    LEFT JOIN (
        SELECT number, last_position, hash, seal_number, seal
        FROM commit_log ORDER BY number DESC LIMIT 1) AS c ON true
    LEFT JOIN (
        SELECT seal_number, seal
        FROM sealed_changes ORDER BY seal_number DESC LIMIT 1) AS s ON true"""

STATEMENTS: dict[str, str] = {
    "begin": "BEGIN ISOLATION LEVEL READ COMMITTED",
    "patience": "SET LOCAL lock_timeout = {patience}",
    "lock": "SELECT pg_advisory_xact_lock({lock_key})",
    "head": "SELECT number, last_position, hash FROM {s}.commit_log ORDER BY number DESC LIMIT 1",
    "newest": NEWEST.replace("commit_log", "{s}.commit_log").replace(
        "sealed_changes", "{s}.sealed_changes"
    ),
    "commit": "COMMIT",
    "insert_events": """
        INSERT INTO {s}.events
            (notification_id, originator_id, originator_version, topic, state)
        SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bytea[])""",
    "insert_receipts": """
        INSERT INTO {s}.receipts (number, digest, outcome, commit_number)
        SELECT r.*, %s::bigint FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS r""",
    # Another process may have kept the same state: whoever was first will do.
    "insert_snapshots": """
        INSERT INTO {s}.snapshots (stream, version, state)
        SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) ON CONFLICT DO NOTHING""",
    "insert_blobs": """
        INSERT INTO {s}.blobs (sha256, bytes)
        SELECT * FROM unnest(%s::bytea[], %s::bytea[]) ON CONFLICT DO NOTHING""",
    # A key may have been made since the writer last looked: then its seal is not the next one, and
    # the column refuses the NULL, as a primary key would refuse a number that is taken.
    "insert_commit": """
        INSERT INTO {s}.commit_log
            (number, first_position, last_position, receipts, recorded_at_us, digest, hash,
             seal_number, seal)
        SELECT %b, %b, %b, %b, %b, %b, %b, CASE WHEN count(*) = 0 THEN %b::bigint END, %b
        FROM {s}.sealed_changes WHERE seal_number >= %b""",
    "notify": "SELECT pg_notify({channel}, '')",
    "streams_since": "SELECT DISTINCT originator_id FROM {s}.events WHERE notification_id > %s",
    # One statement, so one view. The laterals make it look up each stream by its key.
    "states": """
        WITH wanted AS MATERIALIZED (
            SELECT w.stream, s.version, s.state
            FROM unnest(%s::text[]) AS w (stream) LEFT JOIN LATERAL (
                SELECT version, state FROM {s}.snapshots
                WHERE stream = w.stream ORDER BY version DESC LIMIT 1) AS s ON true)
        SELECT 0::bigint AS position, stream, version, '', state FROM wanted
        WHERE version IS NOT NULL
        UNION ALL
        SELECT e.* FROM wanted AS w CROSS JOIN LATERAL (
            SELECT notification_id, originator_id, originator_version, topic, state
            FROM {s}.events
            WHERE originator_id = w.stream AND originator_version > coalesce(w.version, -1)
            OFFSET 0) AS e""",
    "stream": """
        SELECT notification_id, originator_id, originator_version, topic, state FROM {s}.events
        WHERE originator_id = %s AND originator_version > %s
        ORDER BY originator_version LIMIT %s""",
    "log": """
        SELECT notification_id, originator_id, originator_version, topic, state FROM {s}.events
        WHERE notification_id > %s AND notification_id <= %s ORDER BY notification_id LIMIT %s""",
    "receipts": """
        SELECT r.number, r.digest, r.outcome, r.commit_number, c.last_position
        FROM {s}.receipts AS r JOIN {s}.commit_log AS c ON c.number = r.commit_number
        WHERE r.number = ANY(%s::text[])""",
    "changes": """
        SELECT seal_number, commit_number, entry, seal FROM {s}.sealed_changes
        WHERE seal_number > %s ORDER BY seal_number LIMIT %s""",
    "commits": """
        SELECT number, first_position, last_position, receipts, recorded_at_us, digest, hash,
            seal_number, seal
        FROM {s}.commit_log WHERE number > %s ORDER BY number LIMIT %s""",
    "receipts_of_commit": """
        SELECT number, digest, outcome FROM {s}.receipts
        WHERE commit_number = %s ORDER BY number""",
    "stray_receipts": """
        SELECT r.number FROM {s}.receipts r LEFT JOIN {s}.commit_log c ON c.number = r.commit_number
        WHERE c.number IS NULL ORDER BY r.number LIMIT %s""",
    "snapshots": """
        SELECT stream, version, state FROM {s}.snapshots
        WHERE (stream, version) > (%s, %s) ORDER BY stream, version LIMIT %s""",
    "broken_streams": """
        SELECT originator_id FROM {s}.events GROUP BY originator_id
        HAVING min(originator_version) <> 1 OR max(originator_version) <> count(*)
        ORDER BY originator_id LIMIT %s""",
}
