"""How the database came to be, a step a file; Alembic runs what a database lacks when Myna opens it."""
