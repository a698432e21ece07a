"""Ending what was begun and not ended: where a process was killed over it, or somebody read meanwhile.

That is leaving no trace of what was deleted, and keeping conversations that came in whole.
"""

import logging

import anyio

from myna.core.errors import StoreError
from myna.store import search
from myna.store.database import Database
from myna.store.taking_in import remove_left

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 60.0
"""So often a process looks for what is left, in seconds; the first time when it opens the database."""


async def sweep(database: Database) -> None:
    """See to it, until it is cancelled, that what was deleted is gone from the index, the log and the backups.

    So is what did not come in whole.
    """
    while True:
        try:
            await remove_left(database)
            if database.has_traces():
                await search.purge(database)
                await database.leave_no_trace()
        except StoreError as error:
            log.info("What was deleted, or did not come in whole, is left: %s", error.message)
        except Exception:  # a job of the process: it goes on
            log.exception("what was deleted cannot be swept away")
        await anyio.sleep(SWEEP_EVERY_S)
