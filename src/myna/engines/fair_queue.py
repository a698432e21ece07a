"""A bounded queue that is fair: the urgent first, and among equals each owner in its turn. Pure: no clock, no await."""

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """What can stand in a `FairQueue`; each is equal to itself alone."""

    @property
    def urgency(self) -> int:
        """The lowest goes first."""
        ...

    @property
    def owner(self) -> str:
        """On whose behalf it is."""
        ...


QueuedT = TypeVar("QueuedT", bound=Queued)


class FairQueue(Generic[QueuedT]):
    """Of equal urgency every owner gives one job before any gives a second; an owner's own keep their order.

    Args:
        limit: How many may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._length = 0
        self._waiting: dict[int, OrderedDict[str, dict[QueuedT, None]]] = {}  # by urgency, then by owner in turn

    def __len__(self) -> int:
        return self._length

    def put(self, job: QueuedT) -> QueuedT | None:
        """Add ``job``, and give back who has to leave if it is one too many.

        That is the newest of the least urgent, of the owner with most of them: it may be ``job`` itself.
        """
        self._waiting.setdefault(job.urgency, OrderedDict()).setdefault(job.owner, {})[job] = None
        self._length += 1
        if self._length <= self._limit:
            return None
        owners = self._waiting[max(self._waiting)]
        most = max(owners, key=lambda owner: (len(owners[owner]), owner == job.owner))
        leaving = next(reversed(owners[most]))
        self.remove(leaving)
        return leaving

    def take(self, *, least_urgent: int) -> QueuedT | None:
        """The next, if there is one that is urgent enough."""
        urgency = min(self._waiting, default=None)
        if urgency is None or urgency > least_urgent:
            return None
        owners = self._waiting[urgency]
        owner, jobs = next(iter(owners.items()))
        owners.move_to_end(owner)
        job = next(iter(jobs))
        self.remove(job)
        return job

    def remove(self, job: QueuedT) -> None:
        """Take ``job`` out, if it still waits."""
        owners = self._waiting.get(job.urgency, OrderedDict[str, dict[QueuedT, None]]())
        jobs = owners.get(job.owner)
        if not jobs or job not in jobs:
            return
        del jobs[job]
        self._length -= 1
        if not jobs:
            del owners[job.owner]
        if not owners:
            del self._waiting[job.urgency]
