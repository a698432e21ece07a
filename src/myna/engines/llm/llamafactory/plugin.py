"""The entry point ``llamafactory`` of ``myna.llm``."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from myna.core.errors import BadConfig
from myna.engines.base import Resources
from myna.engines.llm.llamafactory.api_llm import ApiLLM
from myna.engines.llm.llamafactory.chat_llm import ChatLLM
from myna.engines.llm.llamafactory.connection import open_connection
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.script_llm import ScriptLLM
from myna.engines.task_group import open_task_group

LlamaFactoryLLM: TypeAlias = ChatLLM | ScriptLLM | ApiLLM

_KINDS: dict[str, type[LlamaFactoryLLM]] = {"cli": ChatLLM, "script": ScriptLLM, "api": ApiLLM}


@asynccontextmanager
async def open_llamafactory(options: LlamaFactoryOptions) -> AsyncGenerator[LlamaFactoryLLM]:
    """Connect and load in the background, and keep that up: the machine may be started later.

    Raises:
        BadConfig: asyncssh is missing, or an option that the mode needs.
    """
    if options.mode != "script" and not options.base_model_path:
        raise BadConfig(
            "llamafactory.base_model_path is not set: which model is it?",
            hint="The folder there, or a name on a hub: MYNA_LLAMAFACTORY__BASE_MODEL_PATH",
        )
    async with open_connection(options) as connection, open_task_group() as tasks:
        llm = _KINDS[options.mode](options, connection)
        tasks.start_soon(llm.keep_running)
        try:
            yield llm
        finally:
            tasks.cancel_scope.cancel()


@dataclass(frozen=True, slots=True)
class LlamaFactoryPlugin:
    """LLaMA-Factory over SSH."""

    options_model: type[LlamaFactoryOptions] = LlamaFactoryOptions

    def weights(self, options: LlamaFactoryOptions) -> Sequence[str]:
        """None: they are on the other machine."""
        del options
        return ()

    def open(self, options: LlamaFactoryOptions, resources: Resources) -> AbstractAsyncContextManager[LlamaFactoryLLM]:
        """See `open_llamafactory`."""
        del resources
        return open_llamafactory(options)


plugin = LlamaFactoryPlugin()
