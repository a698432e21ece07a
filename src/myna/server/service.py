"""What a process runs: its engines, its store and its personas. The server has one, and so has each command."""

import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import anyio

from myna.config.load import Loaded
from myna.config.settings import PROFILES, Settings, TurnTakingSettings
from myna.core.ids import ConversationId
from myna.core.messages import Conversation, Message, UserMessage
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.engines.base import Resources, Sampling
from myna.engines.held import Choice
from myna.engines.opening import Engines, open_engines
from myna.engines.plugins import Kind
from myna.engines.scheduler import Scheduler, open_scheduler
from myna.memory.base import Memories, SessionMemory
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.server.arrivals import Arrivals, fetch_missing
from myna.server.guest import NOBODY, Guest, lent
from myna.server.memory import open_memory
from myna.server.pulling import Pulls, open_pulls
from myna.server.raw_replies import RawReplies
from myna.server.turn_times import TurnTimes
from myna.server.users import scope_of
from myna.session.options import SessionOptions
from myna.store.base import ConversationStore, Store
from myna.store.in_memory import InMemoryStore
from myna.store.lazy import LazyStore
from myna.store.opening import open_store
from myna.tools.base import ToolSource
from myna.tools.mcp.opening import open_mcp
from myna.tools.mcp.source import MCPSource
from myna.tools.rounds import call_tools
from myna.tools.toolbox import Toolbox, open_toolbox
from myna.weights.locate import Weights
from myna.weights.machine import count_cores
from myna.weights.store import WeightsStore

if TYPE_CHECKING:
    from myna.memory.remembering import Remembering  # brings SQLAlchemy, which takes a second


@dataclass(frozen=True, slots=True)
class Service:
    """What sessions are made of. Made by `open_service`.

    Attributes:
        scheduler: Where its engines work.
        toolbox: What personas may call.
        servers: The MCP servers that some of its tools are of.
        guest: Who is served besides.
        opened_at: When, in seconds since 1970.
        private: Where private conversations are, until the process ends: nothing of them is kept.
        memories: What is remembered of users; None: nothing is.
        remembering: What remembers from their turns; None: nothing does.
        loaded: How the settings were read; None: a program made them.
        weights: The weights on this machine, where more can be pulled to; None: they are found elsewhere.
        pulls: What pulls them; None: nothing does.
        turn_times: How the turns of all its sessions went.
    """

    settings: Settings
    engines: Engines
    store: ConversationStore
    personas: Personas
    scheduler: Scheduler
    toolbox: Toolbox
    servers: Sequence[MCPSource] = ()
    guest: Guest = NOBODY
    opened_at: float = field(default_factory=time.time)
    raw_replies: RawReplies = field(default_factory=RawReplies)
    private: InMemoryStore = field(default_factory=InMemoryStore)
    memories: Memories | None = None
    remembering: "Remembering | None" = None
    loaded: Loaded | None = None
    weights: WeightsStore | None = None
    pulls: Pulls | None = None
    turn_times: TurnTimes = field(default_factory=TurnTimes)
    _locks: WeakValueDictionary[ConversationId, anyio.Lock] = field(
        default_factory=WeakValueDictionary[ConversationId, anyio.Lock]
    )

    def persona(self, name: str | None = None) -> Persona:
        """The persona of this id or name; the guest or else the configured one if none is named."""
        guest = self.guest.persona
        if guest is not None and name in (None, "", guest.id):
            return guest
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
        session, turn_taking, tools = self.settings.session, self.settings.turn_taking, self.settings.tools
        guest = self.guest if persona is self.guest.persona else NOBODY
        sampling = self.settings.llm.sampling()
        if persona.llm.profile is not None:
            sampling = replace(sampling, **PROFILES[persona.llm.profile])
        sampling = _with(sampling, persona.llm.temperature, persona.llm.max_tokens)
        return SessionOptions(
            emotions=persona.emotions_spoken(session.emotions()),
            sampling=_with(sampling, temperature, max_tokens),
            limits=session.limits(),
            prompt_template=session.system_prompt_template,
            max_history_rounds=session.max_history_rounds,
            max_context_tokens=session.max_context_tokens,
            tick_s=turn_taking.tick_s,
            decode_window_s=turn_taking.decode_window_s,
            tools=self.toolbox.select((*tools.for_all, *persona.tools)),
            strategy=guest.strategy or call_tools,
            most_rounds=guest.most_rounds or tools.most_rounds,
            acknowledge_after_s=tools.acknowledge_after_s,
            preferences=Preferences(
                instructions=system_prompt,
                language=self.settings.asr.fixed_language,
                turn_taking=_turn_taking(turn_taking, detector="turn" in self.engines.states),
            ),
            watch=self.turn_times.add,
        )

    def live_options(self, persona: Persona) -> SessionOptions:
        """How a session behaves whose client plays the audio as it comes."""
        return replace(self.session_options(persona), playback_lead_ms=self.settings.session.playback_lead_ms)

    def store_of(self, conversation: Conversation) -> Store:
        """Where a conversation is, or is to begin."""
        return self.private if conversation.private else self.store

    def memory_of(
        self, conversation: Conversation, persona: Persona, messages: Sequence[Message] = ()
    ) -> SessionMemory | None:
        """What a session in this conversation, which has these ``messages``, remembers; None: nothing."""
        if self.remembering is None:
            return None
        scope = scope_of(conversation.user_id, persona)
        said = [message for message in messages if isinstance(message, UserMessage)]
        most = self.settings.session.max_memory_fragments
        return self.remembering.session(scope, conversation, limit=most, said=said)

    def talking(self) -> AbstractContextManager[None]:
        """While somebody waits for the LLM outside of any session: it does not remember meanwhile."""
        return nullcontext() if self.remembering is None else self.remembering.way.taken()

    def alone_in(self, conversation_id: ConversationId) -> anyio.Lock:
        """The lock of a conversation: one session at a time talks in it."""
        return self._locks.setdefault(conversation_id, anyio.Lock())


def _turn_taking(settings: TurnTakingSettings, *, detector: bool) -> TurnTakingPreferences:
    return TurnTakingPreferences(
        detector=detector,
        automatic=settings.automatic,
        barge_in=settings.barge_in,
        eagerness=settings.eagerness,
        speech_threshold=settings.speech_threshold,
        silence_rms=settings.silence_rms_thresh,
        pre_roll_ms=settings.pre_roll_ms,
        end_silence_ms=settings.end_silence_ms,
        short_pause_ms=settings.short_pause_ms,
        stable_nochange_ms=settings.stable_nochange_ms,
    )


def _with(sampling: Sampling, temperature: float | None, max_tokens: int | None) -> Sampling:
    return replace(
        sampling,
        temperature=sampling.temperature if temperature is None else temperature,
        max_tokens=sampling.max_tokens if max_tokens is None else max_tokens,
    )


def _supply(choices: Mapping[Kind, Choice], weights: Weights, pulls: Pulls, settings: Settings) -> Arrivals | None:
    """What brings the weights that these engines lack, begun; None where they are found elsewhere."""
    if not isinstance(weights, WeightsStore):
        return None
    arrivals = Arrivals(weights, pulls)
    fetch_missing(choices, arrivals, settings.weights)
    return arrivals


def cpu_slots() -> int:
    """Inferences on the CPU at a time. Two even on the smallest machine: one's voice must not deafen another's ear."""
    return max(2, count_cores() // 2)


@asynccontextmanager
async def open_service(  # noqa: PLR0913 - all that a process is made of
    loaded: Loaded,
    kinds: Iterable[Kind],
    weights: Weights,
    personas: Personas,
    *,
    tools: Sequence[ToolSource] = (),
    guest: Guest = NOBODY,
    keeps: bool = False,
    fetches: bool = False,
) -> AsyncGenerator[Service]:
    """A service with the engines of these kinds, which load in the background.

    ``tools`` are those of Python files and of the program; MCP servers, which the settings name, are connected to in
    the background too. If it ``keeps`` conversations, they are in the database of the settings; else they end with it.
    If it ``fetches``, what is missing of the engines' weights is pulled in the background, and each is opened as soon
    as its own are here; else such an engine fails.

    Raises:
        BadConfig, StoreError: The database cannot be opened.
    """
    settings, kinds = loaded.settings, tuple(kinds)
    own = lent(guest.llm) if guest.llm is not None else guest.later
    choices = loaded.choices([kind for kind in kinds if kind != "llm" or own is None])
    if own is not None:
        choices["llm"] = own
    async with (
        open_store(settings.store.place(loaded.folders.data)) if keeps else nullcontext(InMemoryStore()) as store,
        open_scheduler({"cpu": cpu_slots()}) as scheduler,
        open_pulls() as pulls,
        open_engines(
            choices,
            Resources(weights, scheduler, settings.device),
            tool_calls=settings.llm.tool_calls,
            failover_after_s=settings.failover_after_s,
            supply=_supply(choices, weights, pulls, settings) if fetches else None,
        ) as engines,
        open_mcp(settings.mcp if "llm" in kinds else {}) as servers,
        open_toolbox((*tools, *servers), longest_result=settings.tools.longest_result) as toolbox,
    ):
        service = Service(
            settings,
            engines,
            LazyStore(store),
            personas,
            scheduler,
            toolbox,
            servers,
            guest,
            loaded=loaded,
            weights=weights if isinstance(weights, WeightsStore) else None,
            pulls=pulls,
        )
        if isinstance(store, InMemoryStore) or not settings.memory.enabled:
            yield service
            return
        async with open_memory(store, settings.memory, loaded.folders.data, engines) as (memories, remembering):
            yield replace(service, memories=memories, remembering=remembering)
