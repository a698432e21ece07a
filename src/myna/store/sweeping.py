"""Ending what leaves no trace of what was deleted: where a process was killed over it, or somebody read meanwhile."""

import logging

import anyio

from myna.core.errors import StoreError
from myna.store import search
from myna.store.database import Database

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 60.0
"""So often a process looks for traces, in seconds; the first time when it opens the database."""


async def sweep(database: Database) -> None:
    """See to it, until it is cancelled, that what was deleted is gone from the index, the log and the backups."""
    while True:
        try:
            if database.has_traces():
                await search.purge(database)
                await database.leave_no_trace()
        except StoreError as error:
            log.info("Traces of what was deleted are left: %s", error.message)
        except Exception:  # a job of the process: it goes on
            log.exception("what was deleted cannot be swept away")
        await anyio.sleep(SWEEP_EVERY_S)
