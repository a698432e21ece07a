"""Where tools run: a thread of its own, so that a slow one keeps nobody waiting."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from myna_ros.news import Call
from myna_ros.tools import BadArguments, ToolSpec, output_of

MOST_WAITING = 8
MOST_HANGING = 4
"""Tools that do not come back; beyond, no tool is run until one has."""

STOPPED = "Not done: it was stopped."
BUSY = "Not done: too much else is under way."


@dataclass(eq=False)
class _Job:
    call: Call
    run: Callable[[], Any]
    epoch: int
    answered: bool = False


class ToolThread:
    """Runs one tool at a time.

    Args:
        tools: Each with what to call.
        answer: Is given the id of a call and its output, in whatever thread.
        fault: Is told of a tool that raised, in whatever thread.
        timeout_s: How long a tool may take. One that takes longer is left, and the next has a thread of its own.
    """

    def __init__(
        self,
        tools: list[tuple[ToolSpec, Callable[..., Any]]],
        answer: Callable[[str, str], None],
        fault: Callable[[str, BaseException], None],
        timeout_s: float,
    ) -> None:
        self._tools = {spec.name: (spec, method) for spec, method in tools}
        self._answer = answer
        self._fault = fault
        self._timeout_s = timeout_s
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._epoch = 0  # ends with each `forget`
        self._begun: list[_Job] = []  # and not come back
        self._own = threading.local()  # its job: the one that a thread runs
        self._start()

    def run(self, call: Call) -> None:
        """Run it when those before it have; the answer comes in any case."""
        if call.name not in self._tools:
            self._answer(call.call_id, f"There is no tool {call.name}. There is {', '.join(self._tools) or 'none'}.")
            return
        spec, method = self._tools[call.name]
        try:
            arguments = spec.read(call.arguments)
        except BadArguments as error:
            self._answer(call.call_id, f"Wrong arguments: {error}.")
            return
        with self._lock:
            full = self._hanging > MOST_HANGING or self._jobs.full()
            if not full:
                self._jobs.put_nowait(_Job(call, lambda: method(**arguments), self._epoch))
        if full:
            self._answer(call.call_id, BUSY)

    @property
    def stopped(self) -> bool:
        """For a tool to ask: whether `forget` was called since it was to run, or it was given up.

        A thread that runs no tool is told of all those that have not come back.
        """
        job = getattr(self._own, "job", None)
        return any(each.answered or each.epoch != self._epoch for each in ([job] if job else list(self._begun)))

    def forget(self) -> None:
        """Do not begin what waits, and let what runs know."""
        self._epoch += 1
        self._drop(STOPPED)

    def close(self) -> None:
        """Begin nothing more."""
        self.forget()
        with suppress(queue.Full):  # it hangs, and is left
            self._jobs.put_nowait(None)

    @property
    def _hanging(self) -> int:
        return sum(job.answered for job in self._begun)

    def _drop(self, why: str) -> None:
        with suppress(queue.Empty):
            while True:
                if (job := self._jobs.get_nowait()) is not None:
                    self._answer(job.call.call_id, why)

    def _start(self) -> None:
        threading.Thread(target=self._work, name="myna tools", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._own.job = job
            with self._lock:
                self._begun.append(job)
            timer = threading.Timer(self._timeout_s, self._give_up, [job])
            timer.daemon = True
            timer.start()
            output = STOPPED if self.stopped else self._output(job)
            timer.cancel()
            with self._lock:
                self._begun.remove(job)
                late, job.answered = job.answered, True
                works = not late or self._hanging == MOST_HANGING  # else another thread has taken over
            if not late:
                self._answer(job.call.call_id, output)
            if not works:
                return

    def _output(self, job: _Job) -> str:
        try:
            return output_of(job.run())
        except Exception as error:  # noqa: BLE001 - whatever a robot's own code raises; the model is told
            self._fault(job.call.name, error)
            return f"It failed: {error}"

    def _give_up(self, job: _Job) -> None:
        with self._lock:
            if job.answered:
                return
            job.answered = True
            goes_on = self._hanging <= MOST_HANGING
        self._answer(job.call.call_id, f"It took longer than {self._timeout_s:g} s and was given up.")
        if goes_on:
            self._start()
        else:
            self._drop(BUSY)
