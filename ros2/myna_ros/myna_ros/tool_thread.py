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
"""Threads of tools that do not come back; beyond, no tool is run."""


@dataclass
class _Job:
    call: Call
    run: Callable[[], Any]
    answered: bool = False
    stopped: bool = False


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
        self._hanging = 0
        self._running: _Job | None = None
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
        try:
            self._jobs.put_nowait(_Job(call, lambda: method(**arguments)))
        except queue.Full:
            self._answer(call.call_id, "Not done: too much else is to be done first.")

    @property
    def stopped(self) -> bool:
        """Whether `forget` was called since the tool that runs began; for that tool to ask."""
        job = self._running
        return job is not None and job.stopped

    def forget(self) -> None:
        """Do not begin what waits, and let what runs know."""
        if (job := self._running) is not None:
            job.stopped = True
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                self._answer(job.call.call_id, "Not done: it was stopped.")

    def close(self) -> None:
        """Begin nothing more."""
        self.forget()
        with suppress(queue.Full):  # it hangs, and is left
            self._jobs.put_nowait(None)

    def _start(self) -> None:
        threading.Thread(target=self._work, name="myna tools", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._running = job
            timer = threading.Timer(self._timeout_s, self._give_up, [job])
            timer.daemon = True
            timer.start()
            try:
                output = output_of(job.run())
            except Exception as error:  # noqa: BLE001 - whatever a robot's own code raises; the model is told
                self._fault(job.call.name, error)
                output = f"It failed: {error}"
            timer.cancel()
            with self._lock:
                late, job.answered = job.answered, True
                self._hanging -= late
            if late:
                return  # another thread has taken over
            self._running = None
            self._answer(job.call.call_id, output)

    def _give_up(self, job: _Job) -> None:
        with self._lock:
            if job.answered:
                return
            job.answered = True
            self._hanging += 1
            goes_on = self._hanging <= MOST_HANGING
        self._answer(job.call.call_id, f"It took longer than {self._timeout_s:g} s and was given up.")
        if goes_on:
            self._start()
