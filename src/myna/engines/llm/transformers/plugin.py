"""The entry point ``transformers`` of ``myna.llm``."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import anyio

from myna.core.errors import EngineTimeout
from myna.engines.base import Resources
from myna.engines.llm.transformers.engine import DEVICE, TransformersLLM
from myna.engines.llm.transformers.loading import LIBRARIES, needed_weights
from myna.engines.llm.transformers.model import Loaded
from myna.engines.llm.transformers.options import TransformersOptions
from myna.engines.llm.transformers.torch_loading import load_model
from myna.engines.scheduler import open_scheduler


@dataclass(frozen=True, slots=True)
class TransformersPlugin:
    """Opens `TransformersLLM`.

    Attributes:
        libraries: What it cannot do without.
    """

    libraries: Sequence[str] = LIBRARIES
    options_model: type[TransformersOptions] = TransformersOptions

    def weights(self, options: TransformersOptions) -> Sequence[str]:
        """The model. The fallback is looked for only where that does not fit, so nobody has to fetch it before.

        Nothing where the libraries are not installed: `open` is to say so before gigabytes are fetched, not after.
        """
        if any(find_spec(library) is None for library in self.libraries):
            return ()
        return needed_weights(options.model)

    @asynccontextmanager
    async def open(self, options: TransformersOptions, resources: Resources) -> AsyncGenerator[TransformersLLM]:
        """Load the model, or the fallback if it does not fit. Nothing is fetched.

        Raises:
            BadConfig: The libraries are not installed, or the model is not made for conversations.
            WeightsMissing, WeightsDamaged: The model is not here, or cannot be read.
            EngineUnavailable: There is no GPU where one is wanted, or too little memory on it.
            EngineTimeout: Loading takes longer than `load_timeout_s`.
        """
        async with open_scheduler({DEVICE: 1}) as scheduler:
            loaded: Loaded | None = None
            load = partial(load_model, options, resources.weights, resources.device)
            with anyio.move_on_after(options.load_timeout_s):
                loaded = await scheduler.run(load, device=DEVICE)
            if loaded is None:
                raise EngineTimeout(
                    f"{options.model} was not loaded within {options.load_timeout_s:g} s.",
                    hint="Set a longer load_timeout_s in [transformers], or take a smaller model.",
                )
            yield TransformersLLM(loaded, scheduler, options.slots)


plugin = TransformersPlugin()
