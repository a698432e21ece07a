"""`Agent`: a language model with tools, which answers in as many rounds as it takes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from myna.core.errors import BadInput, UnknownName
from myna.core.messages import Message
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import LLMRequest
from myna.library.answering import Means, Question, answer, emotions_of
from myna.library.callers import Confirm, InCallersLoop, allowed
from myna.library.conversation import Conversation
from myna.library.event_loop import callers_loop, contained
from myna.library.flow import Clock, Flow, Tell
from myna.library.home import home
from myna.library.llm import LLM
from myna.library.messages import Asked, Rounds, messages_of
from myna.library.model_choice import Source
from myna.library.outside_tools import Outside
from myna.library.recording import Recording
from myna.library.reply import Reply
from myna.library.streams import AsyncReplyStream, ReplyStream, Watch
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.tools.base import Strategy, Tool, Toolset, Work
from myna.tools.plan_and_solve import plan_and_solve
from myna.tools.react import react
from myna.tools.rounds import call_tools
from myna.tools.tool import tool

StrategyName: TypeAlias = Literal["tools", "react", "plan"]

STRATEGIES: Mapping[StrategyName, Strategy] = {"tools": call_tools, "react": react, "plan": plan_and_solve}


class Agent:
    """A language model with tools. May be used from any thread, and from many at a time.

    ::

        agent = Agent(llm, tools=[get_current_weather, "home_*"])
        for piece in agent.stream("What is the weather in Tokyo?"):
            print(piece, end="")

    Args:
        llm: The model, or what `myna.library.llm.LLM` takes as one.
        tools: Functions with types and a docstring, tools, or names: of the files in ``tools/`` beside ``myna.toml``
            and of the MCP servers that the settings name. ``*`` in a name stands for anything.
        instructions: The system prompt.
        persona: Who answers, by id or name. Its tools come beside ``tools``; ``instructions`` take the place of its
            own prompt.
        strategy: ``tools``: the model calls them by itself. ``react``: it thinks before each. ``plan``: it makes a plan
            first. Or a function of your own, see `myna.tools.base.Strategy`.
        max_rounds: How often the model is asked with tools; then once more without.
        confirm: Is asked before a tool with ``confirm`` runs; without it such tools are refused.
        on_step: Is told each step: text, calls, results.

    Raises:
        BadInput: A function cannot be a tool, or two have one name.
        UnknownName: There is no such persona or strategy.
    """

    def __init__(  # noqa: PLR0913 - an agent's every part has a name, and a default
        self,
        llm: LLM | Source = None,
        tools: Sequence[Callable[..., Any] | Tool | str] = (),
        *,
        instructions: str | None = None,
        persona: str | Persona | None = None,
        strategy: StrategyName | Strategy = "tools",
        max_rounds: int = 8,
        confirm: Confirm | None = None,
        on_step: Watch | None = None,
    ) -> None:
        if max_rounds < 1:
            raise BadInput("An agent needs at least one round.", hint="Set max_rounds to 1 or more.")
        self.llm = llm if isinstance(llm, LLM) else LLM(llm)
        self.persona = self._find(persona) if isinstance(persona, str) else persona
        self.instructions = instructions
        self.strategy = _strategy(strategy)
        self.max_rounds = max_rounds
        own = [_tool(each) for each in tools if not isinstance(each, str)]
        self.tools: tuple[Tool, ...] = tuple(own)
        named = self.persona.tools if self.persona else ()
        self.tool_names = (*(each for each in tools if isinstance(each, str)), *named)
        names = [each.spec.name for each in own]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadInput(f"Two tools are called {twice[0]}.", hint='Name one otherwise: @myna.tool(name="…").')
        self._confirm = confirm
        self._watch = on_step
        self._outside = Outside.of(self.llm.loaded) if self.tool_names else Outside()

    def __call__(self, prompt: Asked, *, history: Rounds = ()) -> str:
        """The whole reply, as text; see `stream`."""
        return self.run(prompt, history=history).text

    def run(self, prompt: Asked, *, history: Rounds = ()) -> Reply:
        """The whole reply, with the calls of tools and what it took; see `stream`."""
        return self.stream(prompt, history=history).read()

    def stream(self, prompt: Asked, *, history: Rounds = ()) -> ReplyStream:
        """Ask it; the reply begins to be made now, and comes as it is read.

        Args:
            prompt: A text, or messages as OpenAI's API has them.
            history: What went before: pairs of what the user said and what was answered. `conversation` keeps it.

        Raises:
            BadInput: The prompt or the history is none.
        """
        home().loop.check_outside()
        return ReplyStream(self._flow(prompt, history, None), self._watch)  # a caller's loop stands still meanwhile

    async def arun(self, prompt: Asked, *, history: Rounds = ()) -> Reply:
        """As `run`, in an event loop. Tools are called there."""
        return await self.astream(prompt, history=history).read()

    def astream(self, prompt: Asked, *, history: Rounds = ()) -> AsyncReplyStream:
        """As `stream`, in an event loop: ``async for piece in agent.astream("…")``. Tools are called there."""
        return AsyncReplyStream(self._flow(prompt, history, callers_loop()), self._watch)

    def conversation(self) -> Conversation:
        """A new conversation, which keeps what is said."""
        return Conversation(self.begin, self._watch)

    def begin(
        self,
        talk: Sequence[Message],
        system: str | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        ended: Callable[[Recording], None] | None = None,
    ) -> Flow:
        """Begin the reply to ``talk``, with tools called in ``loop``, if given; `Conversation` uses it."""
        question = Question(talk, system or self.instructions, self.persona, self.llm.sampling)

        async def allow(call: ToolCall) -> ToolResult | None:
            return await self.may(call, loop)

        async def toolset() -> Toolset:
            return await self.toolset(loop)

        means = Means(self.llm.open, self.llm.loaded, toolset, allow, exits_told(self.strategy), self.max_rounds)

        async def make(tell: Tell, clock: Clock) -> None:
            await answer(question, means, tell, clock)

        return Flow(home().loop, make, Recording(emotions_of(self.persona, self.llm.loaded)), ended)

    @property
    def confirms(self) -> bool:
        """Whether there is somebody to ask before a tool runs."""
        return self._confirm is not None

    async def may(self, call: ToolCall, loop: asyncio.AbstractEventLoop | None = None) -> ToolResult | None:
        """Ask whether a tool may run; None if so. To be awaited in the library's event loop."""
        return await allowed(self._confirm, call, loop)

    async def toolset(self, loop: asyncio.AbstractEventLoop | None = None) -> Toolset:
        """What it may call now; to be awaited in the library's event loop.

        A tool that it was given is called in ``loop``, if there is one: that of its caller.

        Raises:
            UnknownName: There is no tool of a name.
        """
        opened = await home().outside(self._outside)
        own = [each if loop is None else InCallersLoop(each, loop) for each in self.tools]
        if self.tool_names:
            await opened.settled(self.tool_names)
        taken = {each.spec.name for each in own}
        named = [
            each
            for each in opened.box.tools
            if each.spec.name not in taken and any(fnmatchcase(each.spec.name, name) for name in self.tool_names)
        ]
        return opened.box.of((*own, *named))

    def _flow(self, prompt: Asked, history: Rounds, loop: asyncio.AbstractEventLoop | None) -> Flow:
        system, talk = messages_of(prompt, history)
        return self.begin(talk, system, loop=loop)

    def _find(self, name: str) -> Persona:
        return Personas(self.llm.loaded.folders.config / "personas").find(name)


def _tool(each: Callable[..., Any] | Tool) -> Tool:
    if all(hasattr(each, name) for name in ("spec", "check", "call", "mask")):
        return cast(Tool, each)
    if isinstance(each, Path) or not callable(each):
        raise BadInput(f"{each!r} is no tool.", hint="Give a function, something made by @myna.tool, or a name.")
    return cast(Tool, tool(each))


def _strategy(strategy: str | Strategy) -> Strategy:
    if not isinstance(strategy, str):
        return strategy
    if strategy not in STRATEGIES:
        raise UnknownName(f"There is no strategy {strategy!r}.", hint=f"There are {', '.join(get_args(StrategyName))}.")
    return STRATEGIES[cast(StrategyName, strategy)]


def exits_told(strategy: Strategy) -> Strategy:
    """``strategy``, whose ``sys.exit`` ends what asked and not the event loop."""

    async def answer_so(request: LLMRequest, work: Work) -> None:
        with contained():
            await strategy(request, work)

    return answer_so
