"""``myna llm``: the LLM engines that the settings name."""

import json
from collections.abc import Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import anyio
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from myna.cli.terminal import Json, Setting, notes, overrides
from myna.cli.tool_lines import in_a_line
from myna.config.load import Loaded, load_settings
from myna.core.errors import BadInput, EngineRefused, MynaError
from myna.engines.base import (
    LLM,
    Finished,
    LLMDelta,
    LLMMessage,
    LLMRequest,
    Loading,
    ReasoningDelta,
    Resources,
    TextDelta,
    Usage,
)
from myna.engines.held import Choice
from myna.engines.opening import open_engines
from myna.engines.scheduler import open_scheduler
from myna.server.service import cpu_slots
from myna.session.bounds import pieces, within
from myna.text.thinking import Thinking
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

app = typer.Typer(help="The LLM engines that the settings name.", no_args_is_help=True)

QUESTION = "Tell me in three sentences what a myna bird is."
MOST_TOKENS = 256
LOAD_S, FIRST_S, IDLE_S, ANSWER_S = 900.0, 120.0, 60.0, 300.0
"""Long: this is to find out how long it takes, and engines have limits of their own."""
SHORTEST_S = 1e-3
"""No time is taken for shorter, so that no speed is endless."""
LONGEST_ANSWER = 120
"""Characters of an answer that are shown."""


@app.callback()
def _llm() -> None:  # pyright: ignore[reportUnusedFunction] - makes `test` a command of its own
    pass


@app.command("test")
def try_engines(
    question: Annotated[str, typer.Argument(help="What they are asked.")] = QUESTION,
    engine: Annotated[
        list[str] | None,
        typer.Option("--engine", "-e", metavar="NAME", help="An engine or endpoint; else all that are configured."),
    ] = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Ask each configured LLM engine the same, one after the other, and compare. No server needs to run.

    They are `llm.engine` and `llm.fallbacks` of the settings. The exit status is 1 if the first of them fails.
    """
    if not question.strip():
        raise BadInput("The question is empty.", hint=f'Ask something: myna llm test "{QUESTION}"')
    loaded = load_settings(overrides(settings))
    chosen = tuple(map(loaded.llm, dict.fromkeys(engine))) if engine else loaded.choice("llm").members
    tried = anyio.run(_try_all, loaded, chosen, question, as_json)
    if as_json:
        told = {"question": question, "engines": [each.as_json() for each in tried]}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _show(tried)
    if tried[0].error is not None:
        raise typer.Exit(1)


@dataclass(slots=True)
class Tried:
    """An engine that was asked.

    Attributes:
        load_s: How long it took to open it, and to load its model where it does that when it is asked.
        first_token_s: From the question to the first piece of the answer or of thinking, without loading.
        tokens_per_s: After the first, without hidden thinking.
        tokens: Of the answer and of thinking; pieces, where the server does not count.
        hidden_tokens: Of those, of thinking that the server counts and does not show.
        text: The answer.
        error: Why there is none, or not all of it.
    """

    engine: str
    model: str | None = None
    load_s: float | None = None
    first_token_s: float | None = None
    tokens_per_s: float | None = None
    tokens: int | None = None
    hidden_tokens: int = 0
    text: str = ""
    error: MynaError | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        error = self.error
        return {
            "engine": self.engine,
            "model": self.model,
            "load_s": _rounded(self.load_s),
            "first_token_s": _rounded(self.first_token_s),
            "tokens_per_s": _rounded(self.tokens_per_s),
            "tokens": self.tokens,
            "hidden_tokens": self.hidden_tokens,
            "text": self.text,
            "error": error and {"code": error.code, "message": error.message, "hint": error.hint},
        }


async def _try_all(loaded: Loaded, chosen: Sequence[Choice], question: str, quiet: bool) -> list[Tried]:
    """Ask one after the other, so that each is timed alone."""
    sampling = loaded.settings.llm.sampling()
    most = min(MOST_TOKENS, sampling.max_tokens or MOST_TOKENS)
    request = LLMRequest((LLMMessage("user", question),), replace(sampling, max_tokens=most))
    weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    tried: list[Tried] = []
    async with open_scheduler({"cpu": cpu_slots()}) as scheduler:
        resources = Resources(weights, scheduler, loaded.settings.device)
        for choice in chosen:
            with nullcontext() if quiet else notes.status(f"Asking {choice.name} …"):
                tried.append(await _try(replace(choice, fallbacks=()), resources, request))
    return tried


async def _try(choice: Choice, resources: Resources, request: LLMRequest) -> Tried:
    tried = Tried(choice.name)
    began = anyio.current_time()
    async with open_engines({"llm": choice}, resources) as engines:
        try:
            await within(LOAD_S, engines.settled(), f"The LLM engine {choice.name}")
            tried.load_s = anyio.current_time() - began
            await _ask(engines.llm, request, tried)
        except MynaError as error:
            tried.error = error
    return tried


async def _ask(llm: LLM, request: LLMRequest, tried: Tried) -> None:
    """Ask, and note what came and when.

    Raises:
        EngineError: It failed, or said nothing.
    """
    tried.model = llm.info.model
    heard = _Heard(anyio.current_time())
    what = f"The LLM {tried.model}"
    stream = pieces(llm.generate(request), first_s=FIRST_S, idle_s=IDLE_S, total_s=ANSWER_S, what=what)
    try:
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                heard.take(delta, anyio.current_time())
    finally:
        heard.tell(tried)
        tried.model = llm.info.model  # some servers tell it with the first answer
    if not heard.times:
        raise EngineRefused(f"{what} said nothing.", hint="Is it a model for conversations?")


@dataclass(slots=True)
class _Heard:
    """What came of a question that was asked at ``asked``, in seconds as all times here."""

    asked: float
    times: list[float] = field(default_factory=list[float])
    said: list[str] = field(default_factory=list[str])
    usage: Usage | None = None
    loading_s: float = 0.0
    _written: int = 0
    _thinks: bool = False
    _loads_since: float | None = None
    _thinking: Thinking = field(default_factory=Thinking)

    def take(self, delta: LLMDelta, now: float) -> None:
        """The next delta."""
        if self._loads_since is not None:
            self.loading_s += now - self._loads_since
        self._loads_since = now if isinstance(delta, Loading) else None
        match delta:
            case TextDelta(text) if text:
                self.times.append(now)
                self._written += len(text)
                self.said.append(self._thinking.feed(text))
            case ReasoningDelta():
                self._thinks = True
                self.times.append(now)
            case Finished(usage=usage):
                self.usage = usage
            case _:
                pass

    def tell(self, tried: Tried) -> None:
        """What that comes to."""
        said = "".join([*self.said, self._thinking.finish()])
        tried.text = said.strip()
        if not self.times:
            return
        first, last = self.times[0], self.times[-1]
        tried.load_s = (tried.load_s or 0.0) + self.loading_s
        tried.first_token_s = first - self.asked - self.loading_s
        tried.tokens = tokens = self.usage.completion_tokens if self.usage else len(self.times)
        if self.usage and not self._thinks and len(said) == self._written:
            tried.hidden_tokens = min(self.usage.reasoning_tokens or 0, tokens)
            tokens -= tried.hidden_tokens
        if len(self.times) > 1:
            tried.tokens_per_s = max(tokens - 1, 1) / max(last - first, SHORTEST_S)
        else:  # it came in one piece
            tried.tokens_per_s = tokens / max(tried.first_token_s, SHORTEST_S)


def _show(tried: Sequence[Tried]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        for each in tried:
            typer.echo(line(each))
        return
    table = Table("engine", "model", "loaded in", "first token", "tokens/s", "tokens", "answer")
    for each in tried:
        said = Text(_short(each.text))
        if each.error is not None:
            said = Text.assemble(said, (f"{' ' if said else ''}{_told(each.error)}", "red"))
        figures = (_seconds(each.load_s), _seconds(each.first_token_s), _speed(each.tokens_per_s))
        table.add_row(Text(each.engine), Text(each.model or ""), *figures, _tokens(each), said)
    console.print(table)


def line(tried: Tried) -> str:
    """What came of it, in a line for a log."""
    figures = [
        f"model {tried.model}" if tried.model else "",
        f"loaded in {_seconds(tried.load_s)}" if tried.load_s is not None else "",
        f"first token {_seconds(tried.first_token_s)}" if tried.first_token_s is not None else "",
        f"{_speed(tried.tokens_per_s)} tokens/s" if tried.tokens_per_s is not None else "",
        f"{_tokens(tried)} tokens" if tried.tokens else "",
        f"failed: {_told(tried.error)}" if tried.error else "",
        _short(tried.text),
    ]
    return f"{tried.engine}: {'; '.join(filter(None, figures))}"


def _short(text: str) -> str:
    return in_a_line(text, LONGEST_ANSWER)


def _told(error: MynaError) -> str:
    return " ".join(str(error).split())


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"


def _speed(tokens_per_s: float | None) -> str:
    return "" if tokens_per_s is None else f"{tokens_per_s:.1f}"


def _tokens(tried: Tried) -> str:
    hidden = f" ({tried.hidden_tokens} of hidden thinking)" if tried.hidden_tokens else ""
    return f"{tried.tokens}{hidden}" if tried.tokens else ""


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
