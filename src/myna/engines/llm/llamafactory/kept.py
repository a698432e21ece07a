"""Something on the machine that is kept up: started at once, and again whenever it ended or could not be reached."""

import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from myna.core.errors import EngineError, EngineTimeout, EngineUnavailable, MynaError
from myna.engines.llm.llamafactory.faults import LoginRefused
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions

log = logging.getLogger(__name__)

T = TypeVar("T")

AGAIN_FIRST_S, AGAIN_LONGEST_S = 1.0, 60.0
REFUSED_S = 600.0
"""After a refused login, whoever asks: many machines lock out who fails several times within ten minutes."""
SPARE_S = 30.0
"""Added to the limits of connecting and loading, which end what waits for them themselves."""


class Kept(Generic[T]):
    """What it is now, or why it is not.

    A robot mostly boots before the machine with its GPU: nothing that is wrong there is final. Who asks while it is not
    up gets the last problem at once, and a new attempt begins; while a model loads there is no problem, and one waits.
    """

    def __init__(self, options: LlamaFactoryOptions) -> None:
        self._limit_s = options.connect_timeout_s + options.load_timeout_s + SPARE_S
        self._what = f"{options.model} on {options.place}"
        self._changed = anyio.Event()
        self._wanted = anyio.Event()
        self.now: T | None = None
        self.problem: MynaError | None = None
        self._was_up = self._ever_up = False

    def is_up(self, it: T) -> None:
        """It can be used."""
        self.now, self.problem = it, None
        self._was_up = self._ever_up = True
        self._tell()

    def loads(self) -> None:
        """It is on its way."""
        self.problem = None
        self._tell()

    def is_down(self, problem: MynaError | None = None) -> None:
        """It has ended; why is mostly said a moment later."""
        self.now, self.problem = None, problem or self.problem
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def get(self) -> T:
        """It, as soon as it is up.

        Raises:
            MynaError: Why it is not.
            EngineTimeout: It is loaded for longer than may be.
        """
        with anyio.move_on_after(self._limit_s):
            while self.now is None:
                if self.problem is not None:
                    self._wanted.set()
                    raise self.problem.with_traceback(None)
                await self._changed.wait()
            return self.now
        raise EngineTimeout(f"{self._what} is not up after {self._limit_s:g} s.")

    async def keep(self, run: Callable[[], Awaitable[None]]) -> None:
        """Have ``run``, which mostly ends with an `EngineError`, run for ever.

        Raises:
            MynaError: Another error, and it never was up.
        """
        delay_s = AGAIN_FIRST_S
        told = ""
        while True:
            self._was_up = False
            rest_s = AGAIN_FIRST_S
            try:
                await run()
            except MynaError as error:
                if not (self._ever_up or isinstance(error, EngineError)):
                    raise
                rest_s = REFUSED_S if isinstance(error, LoginRefused) else AGAIN_FIRST_S
                if str(error) != told:
                    told = str(error)
                    log.warning("%s It is tried again, after %g s at the latest.", error, max(rest_s, AGAIN_LONGEST_S))
                down = error if isinstance(error, EngineError) else EngineUnavailable(error.message, hint=error.hint)
                self.is_down(down)  # others may be asked instead, as with any error of an engine
            if self._was_up:
                delay_s, told = AGAIN_FIRST_S, ""
            await anyio.sleep(rest_s)
            with anyio.move_on_after(delay_s):
                await self._wanted.wait()
            self._wanted = anyio.Event()
            delay_s = min(2 * delay_s, AGAIN_LONGEST_S)
