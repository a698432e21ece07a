"""Running one call of a tool, whatever it does.

A call runs in a task of the runner's, not in its caller's: a caller that is interrupted need not wait for a tool that
does not let itself be cancelled, and a tool that must not be cancelled goes on without its caller.
"""

import logging
import math
import traceback
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import anyio
from anyio.abc import TaskGroup

from myna.core.tools import JSON, ToolCall, ToolResult
from myna.engines.task_group import open_task_group
from myna.text.neutral import neutralise
from myna.tools.base import Late, Tool
from myna.tools.masking import hidden_texts, masked_text
from myna.tools.results import error_text, shorten, to_text

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a call that is cancelled or out of time may take to end. Then nobody waits for it any more."""

CLOSING_S = 3.0
"""How long calls that must not be cancelled may go on when the runner is closed."""

LATE_S = 10.0
"""How long it may take to tell a late result."""

MOST_STUCK = 16
"""Of one tool: calls that did not end when they were to. With so many it is called no more."""


@dataclass(slots=True, eq=False)
class _Run:
    tool: Tool
    call: ToolCall
    ends_at: float
    secrets: Collection[str]
    scope: anyio.CancelScope
    done: anyio.Event = field(default_factory=anyio.Event)
    result: ToolResult | None = None
    stuck: bool = False

    async def ended(self) -> ToolResult:
        """Its result; one that says so if it does not end in time."""
        with anyio.move_on_after(max(self.ends_at - anyio.current_time(), 0) + GRACE_S):
            await self.done.wait()
        self.stuck = not self.done.is_set()
        return self.result or self.timed_out()

    def timed_out(self) -> ToolResult:
        text = f"{self.tool.spec.name} was given up: it took longer than {self.tool.timeout_s:g} s."
        return ToolResult(text, "timed_out")


class Runner:
    """Runs calls of tools. Made by `open_runner`."""

    def __init__(self, group: TaskGroup, longest_result: int) -> None:
        self._group = group
        self._longest_result = longest_result
        self._runs: set[_Run] = set()
        self._telling: dict[anyio.Event, anyio.CancelScope] = {}
        self._closed = False

    async def run(self, tool: Tool, call: ToolCall, arguments: JSON, checked: JSON, late: Late | None) -> ToolResult:
        """Run a call as `myna.tools.base.Toolset.run` says.

        Args:
            tool: What is called.
            call: As the model wrote it.
            arguments: The same, read. What is secret in them is masked in the result too.
            checked: What `Tool.check` made of them.
            late: Is told the result if nobody waits for it any more.
        """
        name = tool.spec.name
        if self._closed:
            return ToolResult(f"{name} was not run: the server is stopping.", "cancelled")
        if sum(run.stuck and run.tool.spec.name == name for run in self._runs) >= MOST_STUCK:
            return ToolResult(f"{name} was not run: {MOST_STUCK} earlier calls of it have not ended.", "refused")
        run = _Run(
            tool,
            call,
            ends_at=anyio.current_time() + tool.timeout_s,
            secrets=frozenset(hidden_texts(arguments, tool.mask(arguments))),
            scope=anyio.CancelScope(shield=not tool.cancellable),
        )
        self._runs.add(run)
        self._group.start_soon(self._work, run, checked)
        try:
            return await run.ended()
        except anyio.get_cancelled_exc_class():
            if tool.cancellable:
                run.scope.cancel()
                with anyio.move_on_after(GRACE_S, shield=True):
                    await run.done.wait()
                run.stuck = not run.done.is_set()
            elif late is not None:
                told, scope = anyio.Event(), anyio.CancelScope(shield=True)
                self._telling[told] = scope
                self._group.start_soon(self._tell, run, late, told, scope)
            raise

    async def close(self) -> None:
        """End what runs, and wait for it as long as `CLOSING_S` and `GRACE_S` say."""
        self._closed = True
        for run in self._runs:
            if run.tool.cancellable:
                run.scope.cancel()
        with anyio.move_on_after(CLOSING_S, shield=True):
            await self._wait_for([run.done for run in self._runs])
            await self._wait_for(list(self._telling))
        for scope in (*(run.scope for run in self._runs), *self._telling.values()):
            scope.cancel()

    async def _wait_for(self, events: Collection[anyio.Event]) -> None:
        for event in events:
            await event.wait()

    async def _work(self, run: _Run, checked: JSON) -> None:
        name = run.tool.spec.name
        try:
            with run.scope:
                run.result = await self._outcome(run, checked)
        finally:
            run.result = run.result or ToolResult(f"{name} was cancelled.", "cancelled")
            self._runs.discard(run)
            run.done.set()

    async def _outcome(self, run: _Run, checked: JSON) -> ToolResult:
        name = run.tool.spec.name
        try:
            with anyio.move_on_after(max(run.ends_at - anyio.current_time(), 0)):
                return self._result(run, await _called(run.tool, checked))
        except BaseException as error:  # whatever it raises is a result: sys.exit() too
            if _is_ours(error):
                raise
            _tell_log(run, error)
            said = masked_text(error_text(error), run.secrets)
            return ToolResult(neutralise(f"{name} failed: {said}"), "failed")
        log.warning("The tool %s took longer than %g s.", name, run.tool.timeout_s)
        return run.timed_out()

    def _result(self, run: _Run, value: object) -> ToolResult:
        given = value if isinstance(value, ToolResult) else ToolResult(to_text(value))
        text = shorten(masked_text(given.output, run.secrets), self._longest_result)
        return ToolResult(neutralise(text), given.status)

    async def _tell(self, run: _Run, late: Late, told: anyio.Event, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                result = await run.ended()
                with anyio.fail_after(LATE_S):
                    await late(run.call, result)
        except Exception:  # a store that fails must not end the toolbox
            log.exception("The late result of the tool %s could not be told.", run.tool.spec.name)
        finally:
            del self._telling[told]
            told.set()


def _tell_log(run: _Run, error: BaseException) -> None:
    """What failed and where; its words and the traceback are content, since they may quote what a user said."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    log.warning("The tool %s failed: %s%s", run.tool.spec.name, type(error).__name__, place)
    if log.isEnabledFor(logging.DEBUG):
        whole = "".join(traceback.format_exception(error))
        log.debug("problem", extra={"content": masked_text(whole, run.secrets)})


class _CancelledByItself(Exception):  # the model is told its name
    """A tool was cancelled that nobody has cancelled, such as one that waits for a task which was."""


async def _called(tool: Tool, checked: JSON) -> object:
    try:
        return await tool.call(checked)
    except anyio.get_cancelled_exc_class():
        if anyio.current_effective_deadline() == -math.inf:
            raise
    # Let through, it would end the task group, and with it the calls of all others.
    raise _CancelledByItself("what it waited for was cancelled.")


def _is_ours(error: BaseException) -> bool:
    """Whether somebody else has to see it: the process is told to stop, or the call is cancelled."""
    ours = (KeyboardInterrupt, anyio.get_cancelled_exc_class())
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).subgroup(ours) is not None
    return isinstance(error, ours)


@asynccontextmanager
async def open_runner(*, longest_result: int) -> AsyncGenerator[Runner]:
    """A runner whose results have ``longest_result`` characters at most. Leaving ends the calls that still run."""
    async with open_task_group() as group:
        runner = Runner(group, longest_result)
        try:
            yield runner
        finally:
            await runner.close()
