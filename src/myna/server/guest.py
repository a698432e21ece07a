"""What a program in Python brings along to be served, in the place of what the settings name."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from pydantic import BaseModel

from myna.engines.base import LLM, Resources
from myna.engines.held import Choice
from myna.personas.model import Persona
from myna.tools.base import Strategy


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is served that no setting names.

    Attributes:
        llm: Open already, in the place of the configured one. Whoever brings it closes it.
        later: One that is opened as soon as its weights are here, where ``llm`` is none.
        persona: Who answers where nobody is named, and as the model ``myna``; None leaves that as it is configured.
        strategy: How that persona answers; None is by tools that the model calls itself.
        most_rounds: How often that persona's model is asked with tools; None is as configured.
    """

    llm: LLM | None = None
    persona: Persona | None = None
    strategy: Strategy | None = None
    most_rounds: int | None = None
    later: Choice | None = None


NOBODY = Guest()


class _NoOptions(BaseModel):
    pass


@dataclass(frozen=True, slots=True)
class _Lent:
    """A plugin that is given what it opens."""

    give: Callable[[], Awaitable[LLM]]
    needs: Sequence[str] = ()
    options_model: type[BaseModel] = _NoOptions

    def weights(self, options: BaseModel) -> Sequence[str]:
        """Those that it has to be given after."""
        return self.needs

    def open(self, options: BaseModel, resources: Resources) -> AbstractAsyncContextManager[LLM]:
        """The LLM, which stays open."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[LLM]:
        yield await self.give()


def lent(llm: LLM) -> Choice:
    """An LLM that is open already, as one that was chosen."""

    async def give() -> LLM:
        return llm

    return Choice(llm.info.model, _Lent(give), _NoOptions())


def lent_later(name: str, give: Callable[[], Awaitable[LLM]], weights: Sequence[str]) -> Choice:
    """An LLM that can be had when these weights are here, as one that was chosen. Whoever gives it closes it."""
    return Choice(name, _Lent(give, weights), _NoOptions())
