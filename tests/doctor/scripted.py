"""Engines for the doctor to try."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from pydantic import BaseModel

from myna.core.errors import MynaError
from myna.engines.base import Resources
from myna.engines.opening import Choice


class Options(BaseModel):
    pass


class ScriptedPlugin:
    """Opens an engine that is there already, after so many seconds; or fails."""

    options_model = Options

    def __init__(self, engine: Any, load_s: float = 0.0) -> None:
        self._engine = engine
        self._load_s = load_s
        self.is_open = False

    def weights(self, options: Options) -> Sequence[str]:
        return ()

    @asynccontextmanager
    async def open(self, options: Options, resources: Resources) -> AsyncGenerator[Any]:
        await anyio.sleep(self._load_s)
        if isinstance(self._engine, MynaError):
            raise self._engine
        self.is_open = True
        try:
            yield self._engine
        finally:
            self.is_open = False


def choice(engine: Any, load_s: float = 0.0) -> Choice:
    return Choice("scripted", ScriptedPlugin(engine, load_s), Options())
