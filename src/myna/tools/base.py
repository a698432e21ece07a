"""What tools are to those who call them: every Protocol and type, on one page.

A *tool* is a function that the model may call. A *source* has tools: a file of Python functions, an MCP server. The
*toolbox* of a process holds all sources, and a *toolset* is what one conversation may call of them. A *strategy*
answers a request in rounds of model and tools.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from myna.core.tools import JSON, ToolCall, ToolResult, ToolSpec
from myna.engines.base import FailedOver, Finished, LLMDelta, LLMRequest, Loading, ReasoningDelta, TextDelta

Late: TypeAlias = Callable[[ToolCall, ToolResult], Awaitable[None]]
"""Is told what came of a call that nobody waits for any more, since its reply was interrupted."""


class Tool(Protocol):
    """A function that the model may call."""

    @property
    def spec(self) -> ToolSpec: ...

    @property
    def timeout_s(self) -> float:
        """How long a call may take."""
        ...

    @property
    def confirm(self) -> bool:
        """Whether the user is asked before each call."""
        ...

    @property
    def cancellable(self) -> bool:
        """Whether a call ends with the reply that is interrupted; else it goes on, and its result is kept."""
        ...

    def check(self, arguments: JSON) -> JSON:
        """The arguments as they are to be passed to `call`, defaults and conversions included.

        Raises:
            BadInput: They do not fit; the message says to the model which, and what is wanted.
        """
        ...

    def mask(self, arguments: JSON) -> JSON:
        """``arguments`` as they may be shown and logged: without secrets."""
        ...

    async def call(self, arguments: JSON) -> object:
        """Run it, with arguments that `check` gave. May raise anything, return anything, and may never return."""
        ...


class ToolSource(Protocol):
    """Has tools; which, may change with time."""

    @property
    def tools(self) -> Sequence[Tool]: ...


class Toolset(Protocol):
    """What one conversation may call. Cheap; asks its sources anew each time."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told of it."""
        ...

    def find(self, name: str) -> Tool | None:
        """The tool of this name, if it is among them."""
        ...

    def without(self, names: Collection[str]) -> "Toolset":
        """The others: those that the client has tools of its own for."""
        ...

    def masked(self, call: ToolCall) -> ToolCall:
        """``call`` as it may be shown; of arguments that are no JSON object, nothing is left to show but that."""
        ...

    def problem(self, call: ToolCall) -> ToolResult | None:
        """Why a call would not be run, as `run` tells it: there is no such tool, or its arguments do not fit."""
        ...

    async def run(self, call: ToolCall, *, late: Late | None = None) -> ToolResult:
        """Run a call. Whatever goes wrong is a result; raises only when it is cancelled.

        Cancelled, a tool that is ``cancellable`` ends. Another goes on within its time, and ``late`` gets its result.
        """
        ...


# ------------------------------------------------------------------------------------------------------- strategies


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A tool of the toolset is called; ``asks``: the user is asked first. The arguments are as the model wrote them."""

    call: ToolCall
    asks: bool = False


@dataclass(frozen=True, slots=True)
class CallEnded:
    """What came of it; ``took_ms`` without the time that the user was asked."""

    call: ToolCall
    result: ToolResult
    took_ms: float


@dataclass(frozen=True, slots=True)
class RoundEnded:
    """The model has ended, and will be asked again: with what its tools gave, or for the next step of a plan."""

    finished: Finished


Step: TypeAlias = (
    TextDelta | ReasoningDelta | Loading | FailedOver | CallStarted | CallEnded | ToolCall | RoundEnded | Finished
)
"""What a strategy tells. Text is what the user is to see, without markup of calls; it may hold emotion tags and
thinking blocks. What the model thinks apart is no text. That a model is loaded, or another engine asked, is told as it
comes. A bare `ToolCall` is one for the client to run. Last of all comes a `Finished`, whose usage is of all rounds."""


async def _at_once() -> None:
    pass


def _begin(_call: ToolCall) -> None:
    pass


def _keep(_call: ToolCall, _result: ToolResult) -> None:
    pass


async def _allow(_call: ToolCall) -> ToolResult | None:
    return None


@dataclass(frozen=True, slots=True)
class Work:
    """What a strategy works with.

    Attributes:
        generate: Has the LLM answer; time limits are kept, and iterated under ``aclosing`` it is released.
        tools: Those of the server's.
        tell: Takes each step, and may take its time.
        allow: Asks whether a tool that has ``confirm`` may run: None if so, else what the model is told.
        before_tools: Is awaited before the first tool runs: an utterance may turn out not to be over.
        begin: Is told of a call that runs from now on, before anything can come between.
        keep: Is told what came of a call at once, before anything can come between.
        late: See `Toolset.run`.
        most_rounds: How often the model is asked with tools; then once more without.
        constrains: Whether the LLM keeps to `LLMRequest.output_schema`.
        clients: The names of the client's own tools; None: of those of the request that are not in ``tools``.
        declined: The calls that `allow` did not allow, by what they are, with its answers; it is not asked again.
    """

    generate: Callable[[LLMRequest], AsyncGenerator[LLMDelta]]
    tools: Toolset
    tell: Callable[[Step], Awaitable[None]]
    allow: Callable[[ToolCall], Awaitable[ToolResult | None]] = _allow
    before_tools: Callable[[], Awaitable[None]] = _at_once
    begin: Callable[[ToolCall], None] = _begin
    keep: Callable[[ToolCall, ToolResult], None] = _keep
    late: Late | None = None
    most_rounds: int = 8
    constrains: bool = False
    clients: frozenset[str] | None = None
    declined: dict[tuple[str, str], ToolResult] = field(default_factory=dict[tuple[str, str], ToolResult])


class Strategy(Protocol):
    """How a request is answered with tools. A plain async function is one."""

    async def __call__(self, request: LLMRequest, work: Work) -> None:
        """Answer ``request``, telling each step.

        ``request.tools`` holds the client's own tools and those of ``work.tools``; a name that is in both is the
        client's, who takes it out of ``work.tools``.

        Raises:
            EngineError: The LLM failed.
        """
        ...
