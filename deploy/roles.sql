-- Rights of a ledger's roles on PostgreSQL; docs/operations.md tells the whole story.
--
--   zhangfang_owner   owns the schema: `init`, `projections rebuild` and `rollback`, nothing else
--   zhangfang_app     serve, import, key, verify: adds to history, never changes it
--   zhangfang_reader  reports and auditors with SQL: reads
--
-- For the schema cell_0. Run it as the owner after `init`, and again after every upgrade.

GRANT USAGE ON SCHEMA cell_0 TO zhangfang_app, zhangfang_reader;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cell_0 TO zhangfang_app;

GRANT SELECT ON ALL TABLES IN SCHEMA cell_0 TO zhangfang_reader;

-- Tables that a rebuild makes have the rights of those they replace.
ALTER DEFAULT PRIVILEGES FOR ROLE zhangfang_owner IN SCHEMA cell_0
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO zhangfang_app;

ALTER DEFAULT PRIVILEGES FOR ROLE zhangfang_owner IN SCHEMA cell_0
    GRANT SELECT ON TABLES TO zhangfang_reader;

-- History, and what is sealed beside it, is only added to.
REVOKE UPDATE, DELETE ON cell_0.events, cell_0.commit_log, cell_0.receipts, cell_0.sealed_changes,
    cell_0.blobs, cell_0.blob_pieces FROM zhangfang_app;

-- A key is made, and revoked once; it is never deleted.
REVOKE UPDATE, DELETE ON cell_0.api_keys FROM zhangfang_app;

GRANT UPDATE (revoked_at_us) ON cell_0.api_keys TO zhangfang_app;

-- A document is registered and retired; under its id there is never another text.
REVOKE UPDATE ON cell_0.registered_documents FROM zhangfang_app;

REVOKE INSERT, UPDATE, DELETE ON cell_0.alembic_version, cell_0.upgrades FROM zhangfang_app;

REVOKE SELECT ON cell_0.api_keys, cell_0.blobs, cell_0.blob_pieces FROM zhangfang_reader;
