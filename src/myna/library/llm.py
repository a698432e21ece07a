"""`LLM`: a language model to ask."""

from collections.abc import Mapping
from typing import Any

from myna.core.errors import BadInput
from myna.engines import base
from myna.engines.base import LLMInfo, Sampling
from myna.engines.held import Choice
from myna.library.answering import Means, Question, answer, merged
from myna.library.flow import Clock, Flow, Tell
from myna.library.home import Model, home
from myna.library.messages import Asked, Rounds, messages_of
from myna.library.model_choice import EMBEDDED, Source, choose, settings_of
from myna.library.recording import Recording
from myna.library.reply import Reply
from myna.library.streams import AsyncReplyStream, ReplyStream
from myna.server.guest import lent_later
from myna.tools.base import Toolset
from myna.tools.toolbox import EMPTY
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore


class LLM:
    """A language model.

    It is loaded when it is first asked, once for all in the process who mean the same, and let go of when the process
    ends. May be used from any thread, and from many at a time.

    ::

        llm = LLM()                                     # the configured one
        llm = LLM("qwen2.5-3b-instruct")                # a name of the catalog: `myna models list`
        llm = LLM("~/models/mine.gguf")                 # a file
        llm = LLM("http://127.0.0.1:8080")              # an OpenAI-compatible server
        llm = LLM("https://api.example.com/v1", model="large", api_key="…")
        llm = LLM(engine)                               # what follows `myna.engines.base.LLM`, such as a fake

    Args:
        source: Which; see above.
        model: Which of a server's models; without ``source``, in the place of the configured one.
        api_key: For a server.
        sampling: How tokens are drawn; what it leaves open is as configured.
        settings: In the place of the configured ones, nested as in ``myna.toml``:
            ``{"llamacpp": {"context_tokens": 4096}}``.

    Attributes:
        loaded: The settings that it uses.
        sampling: As given.

    Raises:
        BadInput: There is no such model, or a setting is wrong. Whether it loads is found out when it is first asked.
    """

    def __init__(
        self,
        source: Source = None,
        *,
        model: str | None = None,
        api_key: str | None = None,
        sampling: Sampling | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.loaded = settings_of(settings)
        self.sampling = sampling or Sampling()
        choice, own = choose(source, model, api_key, self.loaded), self.loaded.settings.llm
        may_constrain = own.tool_calls == "constrained" or any(each.name == EMBEDDED for each in choice.members)
        embedder = self.loaded.choice("embed") if may_constrain else None
        self._model = Model(choice, own.tool_calls, embedder, self.loaded.settings.failover_after_s)
        self._weights = WeightsStore(self.loaded.folders.cache / "weights", load_catalog())

    def __repr__(self) -> str:
        options = self._model.choice.options
        return f"<LLM {self._model.choice.name} {getattr(options, 'model', None) or ''}>".replace(" >", ">")

    @property
    def info(self) -> LLMInfo:
        """What it is: its name, its context. Loads it, and blocks until then."""
        return home().loop.run(self.open).info

    def __call__(
        self, prompt: Asked, *, history: Rounds = (), system: str | None = None, sampling: Sampling | None = None
    ) -> str:
        """The whole reply, as text; see `stream`."""
        return self.run(prompt, history=history, system=system, sampling=sampling).text

    def run(
        self, prompt: Asked, *, history: Rounds = (), system: str | None = None, sampling: Sampling | None = None
    ) -> Reply:
        """The whole reply, with what it took; see `stream`."""
        return self.stream(prompt, history=history, system=system, sampling=sampling).read()

    def stream(
        self, prompt: Asked, *, history: Rounds = (), system: str | None = None, sampling: Sampling | None = None
    ) -> ReplyStream:
        """Ask it; the reply begins to be made now, and comes as it is read.

        Args:
            prompt: A text, or messages as OpenAI's API has them.
            history: What went before: pairs of what the user said and what was answered. Of what the model's context
                does not hold, the oldest is left out.
            system: The system prompt.
            sampling: How tokens are drawn, in this reply.

        Raises:
            BadInput: The prompt or the history is none.
        """
        home().loop.check_outside()
        return ReplyStream(self._flow(prompt, history, system, sampling))

    async def arun(
        self, prompt: Asked, *, history: Rounds = (), system: str | None = None, sampling: Sampling | None = None
    ) -> Reply:
        """As `run`, in an event loop."""
        return await self.astream(prompt, history=history, system=system, sampling=sampling).read()

    def astream(
        self, prompt: Asked, *, history: Rounds = (), system: str | None = None, sampling: Sampling | None = None
    ) -> AsyncReplyStream:
        """As `stream`, in an event loop: ``async for piece in llm.astream("…")``."""
        return AsyncReplyStream(self._flow(prompt, history, system, sampling))

    def close(self) -> None:
        """Let go of the model, for all who mean the same; who asks it again has it loaded again."""
        shared = home()
        shared.loop.run(lambda: shared.close(self._model))

    async def open(self) -> base.LLM:
        """The model, loaded. To be awaited in the library's event loop."""
        return await home().open(self._model, self._weights, self.loaded.settings.device)

    def when_here(self) -> Choice | None:
        """The model, as an engine that is opened when its weights are on this machine; None: they are."""
        choice = self._model.choice
        return lent_later(choice.name, self.open, choice.weights) if self._weights.missing(choice.weights) else None

    def _flow(self, prompt: Asked, history: Rounds, system: str | None, sampling: Sampling | None) -> Flow:
        own, talk = messages_of(prompt, history)
        if system and own:
            raise BadInput("Two system prompts are given.", hint="Leave out system=, or the message of role system.")
        question = Question(talk, system or own, sampling=merged(self.sampling, sampling or Sampling()))
        means = Means(self.open, self.loaded, _no_tools)

        async def make(tell: Tell, clock: Clock) -> None:
            await answer(question, means, tell, clock)

        return Flow(home().loop, make, Recording())


async def _no_tools() -> Toolset:
    return EMPTY
