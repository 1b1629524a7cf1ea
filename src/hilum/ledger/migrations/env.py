"""Alembic runs this file; the connection comes from `hilum.ledger.revisions`, never from a URL."""

from alembic import context

from hilum.ledger.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite can change tables inside a transaction, whatever Alembic believes of it.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
