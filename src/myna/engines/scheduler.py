"""One scheduler for all blocking inference: a slot per device, the urgent first, and all sessions alike.

Of equal urgency each session has one job done in its turn (`FairQueue`), however many it asks for. Who works in steps
asks for one at a time, so a long job of one session delays a short one of another by a step at most. Where a device has
several slots, partial transcripts and background work leave one of them, so that a final transcript need not wait
until a step of theirs has ended.

An engine in a process of its own, as the embedded LLM, computes on the same device unseen. It joins as a `Neighbour`,
and rests while a question is brought to memory and while the first words of a reply are synthesized: on two cores
these take 1.4 to 1.7 times as long beside an LLM that writes. A lower priority (nice) of its process was tried instead
and changed nothing.

Why not ``anyio.to_thread`` with a limiter: with ``abandon_on_cancel`` it frees the limiter when the *caller* leaves,
while the thread still computes, so that interruptions would pile native calls upon one device. Here a slot belongs to a
worker of the scheduler's own; a caller may leave at any time, the slot is free again when the thread has returned.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Generic, Protocol, TypeVar

import anyio
import anyio.lowlevel

from myna.core.context import ids
from myna.core.errors import Busy, Closed
from myna.engines.abandoned import run_abandonable
from myna.engines.fair_queue import FairQueue
from myna.engines.task_group import open_task_group

T = TypeVar("T")

STOPPING = "The server is stopping."

LONGEST_REST_S = 3.0
"""A neighbour rests no longer at a time, whatever runs."""


class Urgency(IntEnum):
    """Who goes first when a device is wanted by several.

    First what is looked up for a reply: some 15 ms that nothing need wait behind longer ones for. Next the final
    transcript of an utterance, and what else a reply cannot begin without: somebody waits in silence. Then the
    first words of a reply, for which somebody waits too; but a transcript takes some 0.4 s where a segment of
    speech takes one to three, and with it the LLM, which computes elsewhere, can go to work: the shorter job first
    makes all wait least. Then what a reply goes on with. That is made while the audio before it plays, so it bears
    to wait, and not for long: a user whose reply is being spoken utters nothing, or has ended that reply. Partial
    transcripts give way to all of these: the next replaces one that came late. The rest goes last.
    """

    RECALLING = 0
    HEARING = 1
    FIRST_WORDS = 2
    SPEAKING = 3
    PARTIAL = 4
    BACKGROUND = 5


_ALONE = frozenset({Urgency.RECALLING, Urgency.FIRST_WORDS})
"""What neighbours rest for."""


class Neighbour(Protocol):
    """Work on a device that the scheduler does not run. Both calls return at once and never fail."""

    def pause(self) -> None:
        """Rest, until told to go on."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    call: Callable[[], T]
    urgency: Urgency
    owner: str
    left: bool = False
    done: anyio.Event = field(default_factory=anyio.Event)
    result: T | None = None
    error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.done.set()


class _Neighbours:
    """Who computes on a device beside its jobs.

    After each rest they are awake for at least as long: however much of it there is, half of the time is theirs.
    """

    def __init__(self) -> None:
        self.present: list[Neighbour] = []
        self._asking = 0
        self._changed = anyio.Event()

    @contextmanager
    def asked_to_rest(self) -> Generator[None]:
        """While something runs that they should rest for."""
        self._ask(1)
        try:
            yield
        finally:
            self._ask(-1)

    def _ask(self, more: int) -> None:
        self._asking += more
        self._changed.set()
        self._changed = anyio.Event()

    async def mind(self) -> None:
        """Have them rest and go on, for ever."""
        while True:
            while not self._asking:
                await self._changed.wait()
            began = anyio.current_time()
            for neighbour in self.present:
                neighbour.pause()
            try:
                with anyio.move_on_after(LONGEST_REST_S):
                    while self._asking:
                        await self._changed.wait()
            finally:
                for neighbour in self.present:
                    neighbour.resume()
            await anyio.sleep(anyio.current_time() - began)


class _Device:
    def __init__(self, slots: int, queue_limit: int) -> None:
        self.slots = slots
        self.queue: FairQueue[_Job[Any]] = FairQueue(queue_limit)
        self.running: set[_Job[Any]] = set()
        self.closed = False
        self.wanted = anyio.Event()
        self.neighbours = _Neighbours()

    def put(self, job: _Job[Any]) -> None:
        if self.closed:
            raise Closed(STOPPING)
        if leaving := self.queue.put(job):
            told = f"{len(self.queue)} jobs already wait for this device."
            leaving.fail(Busy(told, hint="Try again later, or with fewer sessions."))
        self.wanted.set()

    async def next(self) -> _Job[Any]:
        while True:
            patient = sum(job.urgency >= Urgency.PARTIAL for job in self.running)
            may_be_patient = patient < max(1, self.slots - 1)
            least_urgent = Urgency.BACKGROUND if may_be_patient else Urgency.SPEAKING
            if job := self.queue.take(least_urgent=least_urgent):
                return job
            if self.wanted.is_set():  # else another worker waits for it already
                self.wanted = anyio.Event()
            await self.wanted.wait()

    def close(self) -> None:
        self.closed = True
        while job := self.queue.take(least_urgent=Urgency.BACKGROUND):
            job.fail(Closed(STOPPING))

    async def work(self) -> None:
        limiter = anyio.CapacityLimiter(1)
        while True:
            job = await self.next()
            self.running.add(job)
            try:
                with self.neighbours.asked_to_rest() if job.urgency in _ALONE else nullcontext():
                    job.result = await run_abandonable(job.call, limiter=limiter)
            except Exception as error:  # noqa: BLE001 - the job's own error, raised again where it was asked for
                job.error = error
            except BaseException:
                job.error = Closed(STOPPING)
                raise
            finally:
                self.running.discard(job)
                job.done.set()
            # Who works in several urgent steps queues the next one now, before somebody less urgent is taken.
            await anyio.lowlevel.checkpoint()


@dataclass(frozen=True, slots=True)
class DeviceLoad:
    """How busy a device is.

    Attributes:
        slots: How many calls run at a time.
        busy: How many do.
        waiting: How many wait for a slot.
        abandoned: How many of the busy ones nobody waits for any more. They cannot be stopped, and keep their slot.
    """

    slots: int
    busy: int
    waiting: int
    abandoned: int


class Scheduler:
    """Runs blocking calls in worker threads, at most ``slots`` at a time on each device.

    Made by `open_scheduler`.
    """

    def __init__(self, devices: Mapping[str, _Device]) -> None:
        self._devices = devices

    def load(self) -> dict[str, DeviceLoad]:
        """The load of each device, by name."""
        return {
            name: DeviceLoad(d.slots, len(d.running), len(d.queue), abandoned=sum(job.left for job in d.running))
            for name, d in self._devices.items()
        }

    @contextmanager
    def beside(self, neighbour: Neighbour, *, device: str = "cpu") -> Generator[None]:
        """Have ``neighbour`` rest while something is recalled or first words are synthesized on ``device``.

        It rests for `LONGEST_REST_S` at a time at most, then is awake for at least as long as it rested. Leaving has it
        go on.
        """
        neighbours = self._devices[device].neighbours.present
        neighbours.append(neighbour)
        try:
            yield
        finally:
            neighbours.remove(neighbour)
            neighbour.resume()

    async def run(self, call: Callable[[], T], *, device: str = "cpu", urgency: Urgency = Urgency.HEARING) -> T:
        """Run ``call`` in a thread when ``device`` has a free slot, and return what it returns.

        It is done on behalf of the conversation that is being worked on, else of the request (`myna.core.context`).

        Cancelling this await leaves at once. A call that had not begun never begins; one that had keeps its slot until
        it returns.

        Raises:
            Busy: Too many calls wait for the device, and this one is among the least urgent. It may have waited.
            Closed: The scheduler has ended.
        """
        working_on = ids()
        job = _Job(call, urgency, owner=working_on.get("conversation_id") or working_on.get("request_id", ""))
        queue = self._devices[device].queue
        self._devices[device].put(job)
        try:
            await job.done.wait()
        finally:
            job.left = True
            queue.remove(job)
        if job.error is not None:
            raise job.error
        return job.result  # pyright: ignore[reportReturnType] - done without an error: the call's own result


@asynccontextmanager
async def open_scheduler(slots: Mapping[str, int], *, queue_limit: int = 256) -> AsyncGenerator[Scheduler]:
    """A scheduler with so many slots on each named device. Leaving abandons the calls that still run."""
    devices = {name: _Device(count, queue_limit) for name, count in slots.items()}
    async with open_task_group() as workers:
        for device in devices.values():
            workers.start_soon(device.neighbours.mind)
            for _ in range(device.slots):
                workers.start_soon(device.work)
        try:
            yield Scheduler(devices)
        finally:
            for device in devices.values():
                device.close()
            workers.cancel_scope.cancel()
