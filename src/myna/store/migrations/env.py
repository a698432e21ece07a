"""What Alembic runs: all steps that are missing, in the transaction that `myna.store.database` began."""

from alembic import context

from myna.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
