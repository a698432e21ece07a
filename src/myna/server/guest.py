"""What a program in Python brings along to be served, in the place of what the settings name."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from pydantic import BaseModel

from myna.engines.base import LLM, Resources
from myna.engines.opening import Choice
from myna.personas.model import Persona
from myna.tools.base import Strategy


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is served that no setting names.

    Attributes:
        llm: Open already, in the place of the configured one. Whoever brings it closes it.
        persona: Who answers where nobody is named, and as the model ``myna``; None leaves that as it is configured.
        strategy: How that persona answers; None is by tools that the model calls itself.
        most_rounds: How often that persona's model is asked with tools; None is as configured.
    """

    llm: LLM | None = None
    persona: Persona | None = None
    strategy: Strategy | None = None
    most_rounds: int | None = None


NOBODY = Guest()


class _NoOptions(BaseModel):
    pass


@dataclass(frozen=True, slots=True)
class _Lent:
    """A plugin that opens what is open already."""

    llm: LLM
    options_model: type[BaseModel] = _NoOptions

    def weights(self, options: BaseModel) -> Sequence[str]:
        """None."""
        return ()

    def open(self, options: BaseModel, resources: Resources) -> AbstractAsyncContextManager[LLM]:
        """The LLM, which stays open."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[LLM]:
        yield self.llm


def lent(llm: LLM) -> Choice:
    """An LLM that is open already, as one that was chosen."""
    return Choice(llm.info.model, _Lent(llm), _NoOptions())
