"""An OpenAI-compatible server in a section that the user named: what is wrong with it is told by that name."""

import re
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass

from myna.core.errors import MynaError
from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, Resources, ToolSpec
from myna.engines.llm.openai import OpenAILLM, OpenAIOptions, open_openai

_PLAIN_NAME = re.compile(r" \(LLAMA_[A-Z]+\)")
"""Names in the environment that mean the engine ``openai``, and no endpoint."""


@dataclass(frozen=True, slots=True)
class EndpointLLM:
    """`OpenAILLM`, whose errors name the section ``[endpoints.NAME]``. Made by `EndpointPlugin`."""

    name: str
    llm: OpenAILLM

    @property
    def info(self) -> LLMInfo:
        """See `OpenAILLM.info`."""
        return self.llm.info

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer; raises as `OpenAILLM.generate`."""
        with _named(self.name):
            async with aclosing(self.llm.generate(request)) as deltas:
                async for delta in deltas:
                    yield delta

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """See `OpenAILLM.count_tokens`."""
        return await self.llm.count_tokens(messages)

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """See `OpenAILLM.read_ahead`."""
        await self.llm.read_ahead(messages, tools=tools, everywhere=everywhere)

    async def is_alive(self, within_s: float) -> bool:
        """See `OpenAILLM.is_alive`."""
        return await self.llm.is_alive(within_s)


@dataclass(frozen=True, slots=True)
class EndpointPlugin:
    """The plugin of one such server. It has no entry point: the settings name it."""

    name: str
    options_model: type[OpenAIOptions] = OpenAIOptions

    def weights(self, options: OpenAIOptions) -> Sequence[str]:
        """None: the model is the server's."""
        return ()

    def open(self, options: OpenAIOptions, resources: Resources) -> AbstractAsyncContextManager[EndpointLLM]:
        """See `myna.engines.llm.openai.open_openai`."""
        return self._open(options)

    @asynccontextmanager
    async def _open(self, options: OpenAIOptions) -> AsyncGenerator[EndpointLLM]:
        with _named(self.name):
            async with open_openai(options) as llm:
                yield EndpointLLM(self.name, llm)


@contextmanager
def _named(name: str) -> Generator[None]:
    """Turns hints to the section of the engine ``openai`` into hints to that of the endpoint."""
    try:
        yield
    except MynaError as error:
        error.message, error.hint = _of(name, error.message), _of(name, error.hint)
        raise


def _of(name: str, text: str) -> str:
    variable = f"MYNA_ENDPOINTS__{name.replace('-', '_').upper()}__"
    return _PLAIN_NAME.sub("", text).replace("[openai]", f"[endpoints.{name}]").replace("MYNA_OPENAI__", variable)
