"""Statements of every turn, compiled once, which SQLite is given as they are.

To run a statement SQLAlchemy takes several times as long as SQLite does, and longer still on a machine that has rested,
as it has between two turns: keeping what the user said, for which the reply waits, takes half as long without. The
statements are still SQLAlchemy's, and so are errors, connections, and all of PostgreSQL, where a line is in between.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, Connection
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

_SQLITE = SQLiteDialect_pysqlite(paramstyle="named")


class Prepared:
    """A statement whose parameters are given by name.

    Args:
        statement: What SQLAlchemy makes. Lists that are expanded (``in_``) cannot be prepared.
        columns: The columns that are given, where it is an ``insert`` without ``values``.
    """

    def __init__(self, statement: Any, *columns: str) -> None:  # noqa: ANN401 - both executable and to be compiled
        assert isinstance(statement, ClauseElement)  # noqa: S101
        compiled = statement.compile(dialect=_SQLITE, column_keys=columns or None)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101
        self._statement: Any = statement
        self._sql = str(compiled)
        binds = {name: compiled.binds[name] for name in compiled.params}
        self._fixed = {name: bind.value for name, bind in binds.items() if not bind.required}
        processors = {name: _processor(bind) for name, bind in binds.items()}
        self._processors = {name: one for name, one in processors.items() if one is not None}

    def first(self, connection: Connection, given: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Its first row, or None."""
        if connection.dialect.name != _SQLITE.name:
            row = connection.execute(self._statement, given).first()
            return None if row is None else tuple(row)
        cursor = self._run(connection, given)
        try:
            return cursor.fetchone()
        finally:
            cursor.close()

    def run(self, connection: Connection, given: Mapping[str, Any]) -> int:
        """How many rows it changed."""
        if connection.dialect.name != _SQLITE.name:
            return connection.execute(self._statement, given).rowcount
        cursor = self._run(connection, given)
        cursor.close()
        return cursor.rowcount

    def _run(self, connection: Connection, given: Mapping[str, Any]) -> DBAPICursor:
        bound = {**self._fixed, **given}
        for name, processor in self._processors.items():
            bound[name] = processor(bound[name])
        return straight(connection, self._sql, bound)


def straight(connection: Connection, sql: str, given: Mapping[str, Any] | None = None) -> DBAPICursor:
    """Have the driver of SQLite run a statement.

    Raises:
        DBAPIError: What SQLAlchemy would raise.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, given or {})
    except sqlite3.Error as error:
        cursor.close()
        raise DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True) from error
    return cursor


def _processor(bind: BindParameter[Any]) -> Callable[[Any], Any] | None:
    """What makes of a parameter what SQLite keeps, where that is something else."""
    return bind.type.dialect_impl(_SQLITE).bind_processor(_SQLITE)
