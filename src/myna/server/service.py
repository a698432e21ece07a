"""What a process runs: its engines, its store and its personas. The server has one, and so has each command."""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

import anyio

from myna.config.load import Loaded
from myna.config.settings import PROFILES, Settings
from myna.core.ids import ConversationId
from myna.engines.base import Resources, Sampling
from myna.engines.opening import Engines, Kind, open_engines
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.server.raw_replies import RawReplies
from myna.session.session import SessionOptions
from myna.store.base import Store
from myna.store.in_memory import InMemoryStore
from myna.weights.locate import Weights
from myna.weights.machine import count_cores


@dataclass(frozen=True, slots=True)
class Service:
    """What sessions are made of. Made by `open_service`.

    Attributes:
        opened_at: When, in seconds since 1970.
    """

    settings: Settings
    engines: Engines
    store: Store
    personas: Personas
    opened_at: float = field(default_factory=time.time)
    raw_replies: RawReplies = field(default_factory=RawReplies)
    _locks: WeakValueDictionary[ConversationId, anyio.Lock] = field(
        default_factory=WeakValueDictionary[ConversationId, anyio.Lock]
    )

    def persona(self, name: str | None = None) -> Persona:
        """The persona of this id or name; the configured one if none is named."""
        return self.personas.find(name or self.settings.session.persona)

    def session_options(
        self,
        persona: Persona,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        system_prompt: str | None = None,
    ) -> SessionOptions:
        """How a session with ``persona`` behaves: as the request asks, else as the persona does, else as configured."""
        session = self.settings.session
        sampling = self.settings.llm.sampling()
        if persona.llm.profile is not None:
            sampling = replace(sampling, **PROFILES[persona.llm.profile])
        sampling = _with(sampling, persona.llm.temperature, persona.llm.max_tokens)
        return SessionOptions(
            emotions=persona.emotions_spoken(session.emotions()),
            sampling=_with(sampling, temperature, max_tokens),
            limits=session.limits(),
            system_prompt=system_prompt,
            prompt_template=session.system_prompt_template,
            language=self.settings.asr.fixed_language,
            max_history_rounds=session.max_history_rounds,
            max_context_tokens=session.max_context_tokens,
        )

    def alone_in(self, conversation_id: ConversationId) -> anyio.Lock:
        """The lock of a conversation: one session at a time talks in it."""
        return self._locks.setdefault(conversation_id, anyio.Lock())


def _with(sampling: Sampling, temperature: float | None, max_tokens: int | None) -> Sampling:
    return replace(
        sampling,
        temperature=sampling.temperature if temperature is None else temperature,
        max_tokens=sampling.max_tokens if max_tokens is None else max_tokens,
    )


def cpu_slots() -> int:
    """Inferences on the CPU at a time. Two even on the smallest machine: one's voice must not deafen another's ear."""
    return max(2, count_cores() // 2)


@asynccontextmanager
async def open_service(
    loaded: Loaded, kinds: Iterable[Kind], weights: Weights, personas: Personas
) -> AsyncGenerator[Service]:
    """A service with the engines of these kinds, which load in the background."""
    settings = loaded.settings
    async with (
        open_scheduler({"cpu": cpu_slots()}) as scheduler,
        open_engines(
            {kind: loaded.choice(kind) for kind in kinds}, Resources(weights, scheduler, settings.device)
        ) as engines,
    ):
        yield Service(settings, engines, InMemoryStore(), personas)
