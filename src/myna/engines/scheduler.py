"""One scheduler for all blocking inference: a slot per device, jobs in order of urgency and then of arrival.

Who works in steps asks for one at a time, behind all that came before it, so a long job of one session delays a short
one of another by a step at most.

An engine in a process of its own, as the embedded LLM, computes on the same device unseen. It joins as a `Neighbour`,
and rests while the first words of a reply are synthesized: on two cores they take 1.4 to 1.7 times as long beside an
LLM that writes. A lower priority (nice) of its process was tried instead and changed nothing.

Why not ``anyio.to_thread`` with a limiter: with ``abandon_on_cancel`` it frees the limiter when the *caller* leaves,
while the thread still computes, so that interruptions would pile native calls upon one device. Here a slot belongs to a
worker of the scheduler's own; a caller may leave at any time, the slot is free again when the thread has returned.
"""

import heapq
import itertools
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Generic, Protocol, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from myna.core.errors import Busy, Closed
from myna.engines.task_group import open_task_group

T = TypeVar("T")

STOPPING = "The server is stopping."


LONGEST_REST_S = 3.0
"""A neighbour rests no longer at a time: a call that hangs must not hold it."""


class Urgency(IntEnum):
    """Who goes first when a device is wanted by several.

    First the first words of a reply, since somebody waits in silence; then what keeps a reply from breaking off; then
    the final transcript of an utterance, a partial one, and the rest.
    """

    FIRST_WORDS = 0
    SPEAKING = 1
    HEARING = 2
    PARTIAL = 3
    BACKGROUND = 4


class Neighbour(Protocol):
    """Work on a device that the scheduler does not run. Both calls return at once and never fail."""

    def pause(self) -> None:
        """Rest, until told to go on."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...


@dataclass(slots=True)
class _Job(Generic[T]):
    call: Callable[[], T]
    left: bool = False
    done: anyio.Event = field(default_factory=anyio.Event)
    result: T | None = None
    error: BaseException | None = None


class _Device:
    def __init__(self, slots: int, queue_limit: int) -> None:
        self.slots = slots
        self.queue_limit = queue_limit
        self.busy = 0
        self.closed = False
        self.wanted = anyio.Event()
        self.neighbours: list[Neighbour] = []
        self._resting = 0
        self._heap: list[tuple[Urgency, int, _Job[Any]]] = []
        self._arrival = itertools.count()

    @property
    def waiting(self) -> int:
        return sum(not job.left for _, _, job in self._heap)

    def put(self, job: _Job[Any], urgency: Urgency) -> None:
        if self.closed:
            raise Closed(STOPPING)
        if self.waiting >= self.queue_limit:
            raise Busy(
                f"{self.waiting} jobs already wait for this device.", hint="Try again later, or with fewer sessions."
            )
        if len(self._heap) > 2 * self.queue_limit:  # most were left, and hold what they were to work on
            self._heap = [entry for entry in self._heap if not entry[2].left]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, (urgency, next(self._arrival), job))
        self.wanted.set()

    async def next(self) -> tuple[Urgency, _Job[Any]]:
        while True:
            while self._heap:
                urgency, _, job = heapq.heappop(self._heap)
                if not job.left:
                    return urgency, job
            if self.wanted.is_set():  # else another worker waits for it already
                self.wanted = anyio.Event()
            await self.wanted.wait()

    def close(self) -> None:
        self.closed = True
        for _, _, job in self._heap:
            job.error = Closed(STOPPING)
            job.done.set()
        self._heap.clear()

    @asynccontextmanager
    async def _right_of_way(self) -> AsyncGenerator[None]:
        async with open_task_group() as meanwhile:
            meanwhile.start_soon(self._rest)
            yield
            meanwhile.cancel_scope.cancel()

    async def _rest(self) -> None:
        self._resting += 1
        for neighbour in self.neighbours:
            neighbour.pause()
        try:
            await anyio.sleep(LONGEST_REST_S)
        finally:
            self._resting -= 1
            if not self._resting:
                for neighbour in self.neighbours:
                    neighbour.resume()

    async def work(self) -> None:
        limiter = anyio.CapacityLimiter(1)
        while True:
            urgency, job = await self.next()
            self.busy += 1
            try:
                async with self._right_of_way() if urgency is Urgency.FIRST_WORDS else nullcontext():
                    job.result = await anyio.to_thread.run_sync(job.call, abandon_on_cancel=True, limiter=limiter)
            except Exception as error:  # noqa: BLE001 - the job's own error, raised again where it was asked for
                job.error = error
            except BaseException:
                job.error = Closed(STOPPING)
                raise
            finally:
                self.busy -= 1
                job.done.set()
            # Who works in several urgent steps queues the next one now, before somebody less urgent is taken.
            await anyio.lowlevel.checkpoint()


@dataclass(frozen=True, slots=True)
class DeviceLoad:
    """How busy a device is: slots in use, and jobs that wait."""

    slots: int
    busy: int
    waiting: int


class Scheduler:
    """Runs blocking calls in worker threads, at most ``slots`` at a time on each device.

    Made by `open_scheduler`.
    """

    def __init__(self, devices: Mapping[str, _Device]) -> None:
        self._devices = devices

    def load(self) -> dict[str, DeviceLoad]:
        """The load of each device, by name."""
        return {name: DeviceLoad(d.slots, d.busy, d.waiting) for name, d in self._devices.items()}

    @contextmanager
    def beside(self, neighbour: Neighbour, *, device: str = "cpu") -> Generator[None]:
        """Have ``neighbour`` rest while first words are synthesized on ``device``, `LONGEST_REST_S` at a time at most.

        Leaving has it go on.
        """
        neighbours = self._devices[device].neighbours
        neighbours.append(neighbour)
        try:
            yield
        finally:
            neighbours.remove(neighbour)
            neighbour.resume()

    async def run(self, call: Callable[[], T], *, device: str = "cpu", urgency: Urgency = Urgency.HEARING) -> T:
        """Run ``call`` in a thread when ``device`` has a free slot, and return what it returns.

        Cancelling this await leaves at once. A call that had not begun never begins; one that had keeps its slot until
        it returns.

        Raises:
            Busy: Too many calls wait for the device.
            Closed: The scheduler has ended.
        """
        job = _Job(call)
        self._devices[device].put(job, urgency)
        try:
            await job.done.wait()
        finally:
            job.left = True
        if job.error is not None:
            raise job.error
        return job.result  # pyright: ignore[reportReturnType] - done without an error: the call's own result


@asynccontextmanager
async def open_scheduler(slots: Mapping[str, int], *, queue_limit: int = 256) -> AsyncGenerator[Scheduler]:
    """A scheduler with so many slots on each named device. Leaving abandons the calls that still run."""
    devices = {name: _Device(count, queue_limit) for name, count in slots.items()}
    async with open_task_group() as workers:
        for device in devices.values():
            for _ in range(device.slots):
                workers.start_soon(device.work)
        try:
            yield Scheduler(devices)
        finally:
            for device in devices.values():
                device.close()
            workers.cancel_scope.cancel()
