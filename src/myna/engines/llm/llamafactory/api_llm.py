"""The mode ``api``: LLaMA-Factory's own server runs there, and its port is brought here."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

import anyio
from pydantic import SecretStr

from myna.core.errors import EngineError
from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, Loading
from myna.engines.llm.llamafactory.connection import LOOPBACK, Connection
from myna.engines.llm.llamafactory.conversation import conversation
from myna.engines.llm.llamafactory.kept import Kept
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.wrapper import Wrapper, open_wrapper
from myna.engines.llm.openai import OpenAILLM, open_openai
from myna.engines.llm.openai_options import OpenAIOptions
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.task_group import open_task_group

log = logging.getLogger(__name__)


class ApiLLM:
    """Asks `llamafactory-cli api` on the machine. Made by `open_llamafactory`."""

    def __init__(self, options: LlamaFactoryOptions, connection: Connection) -> None:
        self._options = options
        self._connection = connection
        self._kept = Kept[OpenAILLM](options)
        self._wrapper: Wrapper | None = None
        self.info = LLMInfo(options.model, options.context_tokens, native_tools=False, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer; raises as `OpenAILLM.generate`, and while it is not up, why not."""
        if self._kept.now is None and self._kept.problem is None:
            yield Loading(f"{self._options.model} on {self._options.place}")
        llm = await self._kept.get()
        messages = conversation(request.messages).as_messages()
        asked = replace(request, messages=messages, tools=(), output_schema=None)
        async with aclosing(llm.generate(asked)) as deltas:
            async for delta in deltas:
                yield delta

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """An estimate."""
        return estimate_tokens(messages)

    async def is_alive(self, within_s: float) -> bool:
        """Whether its server runs. It has no page that answers while it computes; the wrapper beside it does."""
        if self._kept.now is not None and self._wrapper is not None:
            with anyio.move_on_after(within_s), suppress(EngineError, OSError):
                await self._wrapper.ping()
                return True
        return False

    async def keep_running(self) -> None:
        """Connect, load the model, and do both again whenever that ends, until cancelled."""
        await self._kept.keep(self._run)

    async def _run(self) -> None:
        async with open_wrapper(self._connection, self._options) as wrapper:
            self._wrapper = wrapper
            try:
                async with open_task_group() as tasks, aclosing(wrapper.events()) as events:
                    async for event in events:
                        if event["type"] == "hello":
                            self._kept.loads()
                        elif event["type"] == "ready":
                            tasks.start_soon(self._serve, int(event["port"]), wrapper.secret)
            except EngineError as error:
                self._kept.is_down(error)  # before it is cleared away, which takes a while
                raise
            finally:
                self._kept.is_down()

    async def _serve(self, port: int, key: str) -> None:
        options = self._options
        async with self._connection.forwarded(port) as here:
            endpoint = OpenAIOptions(
                base_url=f"http://{LOOPBACK}:{here}",
                api_key=SecretStr(key),
                timeout_s=options.timeout_s,
                context_tokens=options.context_tokens,
            )
            async with open_openai(endpoint, name=f"{options.model} on {options.place}") as llm:
                log.info("%s is loaded on %s.", options.model, options.place)
                self._kept.is_up(llm)
                await anyio.sleep_forever()
