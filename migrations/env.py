"""Alembic's entry: runs the versions on the connection that `migrations/run.py` opened.

The caller holds the transaction and the lock; nothing is committed here.
"""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table_schema=context.config.attributes["schema"],
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
