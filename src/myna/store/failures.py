"""What goes wrong in a database, as errors that say what to do."""

import contextlib
from collections.abc import Generator

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from myna.core.errors import StoreError, StoreUnavailable, StoreUnusable

_SQLITE_SAYS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    ("locked", StoreUnavailable, "is held by another program", "End it, and try again."),
    ("disk is full", StoreUnavailable, "has no room: the disk is full", "Make room, and try again."),
    ("readonly", StoreUnavailable, "may not be written", "See to the rights of the file and its folder."),
    ("unable to open", StoreUnavailable, "cannot be opened", "See to the rights of the file and its folder."),
    ("disk I/O error", StoreUnavailable, "cannot be read or written", "Look after its disk."),
    (
        "not a database",
        StoreUnusable,
        "is damaged, or no database",
        "Move it away and put a backup in its place; without one, Myna begins anew.",
    ),
    (
        "malformed",
        StoreUnusable,
        "is damaged",
        "Move it away and put a backup in its place, or mend it: sqlite3 FILE .recover",
    ),
)


def name_of(place: URL) -> str:
    """What a database is called in messages; without a password."""
    return place.database or "" if place.drivername.startswith("sqlite") else place.render_as_string()


@contextlib.contextmanager
def told(place: URL) -> Generator[None]:
    """What goes wrong in a database is told as a `StoreError`; what is wrong with a statement is left as it is."""
    try:
        yield
    except DBAPIError as error:
        says = str(error.orig)
        for part, kind, message, hint in _SQLITE_SAYS if place.drivername.startswith("sqlite") else ():
            if part in says:
                raise kind(f"The database {name_of(place)} {message}.", hint=hint) from error
        if place.drivername.startswith("postgresql") and (error.connection_invalidated or _is_lost(error)):
            raise _out_of_reach(place, says) from error
        raise
    except PoolTimeout as error:
        raise StoreUnavailable(f"The database {name_of(place)} is too busy.", hint="Try again.") from error
    except (OSError, TimeoutError) as error:
        if not place.drivername.startswith("postgresql"):
            raise
        raise _out_of_reach(place, str(error)) from error


def _is_lost(error: DBAPIError) -> bool:
    """Whether it is about the connection or the server: PostgreSQL's classes 08, 28, 3D, 53, 55 and 57."""
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""
    return str(state)[:2] in {"08", "28", "3D", "53", "55", "57"}


def _out_of_reach(place: URL, says: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"The database {name_of(place)} does not answer: {says.strip() or 'no connection'}.",
        hint="See that it runs, and that store.url has the right host, name, user and password.",
    )
