"""Talks drawn at random: replies that surely sound, and what a user and a client do while they do."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any, TypeAlias

import anyio
from hypothesis import strategies as st
from tests.session.client import Client
from tests.session.live import LIVE, Live, live
from tests.session.players import PERSONA

from myna.core.commands import (
    AddMessage,
    AllowTool,
    ClearAudio,
    Command,
    CommitAudio,
    Configure,
    CreateReply,
    Interrupt,
    Say,
    SendText,
)
from myna.core.errors import EngineRefused
from myna.core.events import Event, ToolStarted
from myna.core.ids import ConversationId, TurnId, new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.core.preferences import BargeIn, Preferences, TurnTakingPreferences
from myna.core.tools import ToolSpec
from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, ToolCallDelta
from myna.engines.llm.native_calls import NativeCalls
from myna.store.base import KeptTurn, Store
from myna.store.in_memory import InMemoryStore
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM, Step
from myna.testing.tools import ScriptedTool
from myna.testing.tts import ScriptedTTS
from myna.tools.toolbox import Tools, open_toolbox

ASKS = "今天天气怎么样"
OBJECTS = "不对，我说的是明天"
TYPED, ADDED = "早", "补充"
LENGTHS_S = {"": (0.1, 0.45), "嗯": (0.2, 0.5), OBJECTS: (1.2, 2.5)}
"""Of coughs, backchannels and interruptions, in seconds."""

SPOKEN = ["一句话，", "又是一句话。", "three words here. ", "**重点**在后头，", "还有呢？"]
INWARD = ["[开心] ", "[生气]", "<think>密</think>", "😀", "\n```\nXQZ\n```\n"]
WRITTEN_CALL = '\n<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>'
NEVER_SPOKEN = frozenset('开心生气平静密XQZ[]<>{}*`_"😀\n')
"""Of what is in no word that is to be spoken."""

MAPS = ToolSpec("show_map", "The client's.", {"type": "object", "properties": {}})
BARGE_INS: tuple[BargeIn, ...] = ("pause", "stop_words", "never")


@dataclass(frozen=True, slots=True)
class Speech:
    """What the user says: a cough has no text."""

    seconds: float
    text: str

    @property
    def interrupts(self) -> bool:
        return self.text == OBJECTS and self.seconds >= LENGTHS_S[OBJECTS][0]

    @property
    def is_nothing(self) -> bool:
        return self.text in ("", "嗯") and self.seconds <= LENGTHS_S[self.text][1]  # longer, they may be words


Act: TypeAlias = Speech | Command | str


@dataclass(frozen=True, slots=True)
class Exchange:
    """The user asks; when the reply sounds he listens for a while; then this happens, each after so many seconds."""

    asks: Speech | SendText
    listens_s: float
    acts: Sequence[tuple[float, Act]]


@dataclass(frozen=True, slots=True)
class Talk:
    """Exchanges, what the LLM answers, and what sort of a client there is.

    Attributes:
        reports_s: The client reports this often what it has played; None: never.
        late_ms: So long its audio is on the way to the ear.
        stalls_s: It reads nothing for so long from each act on.
    """

    exchanges: Sequence[Exchange]
    replies: Sequence[Sequence[Step]]
    barge_in: BargeIn = "pause"
    pauses_playback: bool = False
    asr_delay_s: float = 0.05
    reports_s: float | None = None
    late_ms: float = 0.0
    stalls_s: float = 0.0
    tool_s: float = 0.0
    allows: bool = False

    @property
    def configures(self) -> bool:
        return any(isinstance(act, Configure) for exchange in self.exchanges for _, act in exchange.acts)


# --------------------------------------------------------------------------------------------------------------- drawn


@st.composite
def replies(draw: st.DrawFn) -> Sequence[Step]:
    """Five seconds of speech and more, cut into pieces anywhere, and what comes at its end."""
    middle = draw(st.lists(st.sampled_from([*SPOKEN, *SPOKEN, *INWARD]), min_size=16, max_size=30))
    text = "[平静] 这是一个很长很长的回答，" + "".join(middle) + draw(st.sampled_from(["", "", "", WRITTEN_CALL]))
    cuts = draw(st.lists(st.tuples(st.integers(1, 12), st.sampled_from([0, 0, 0, 0.05, 0.4])), min_size=1, max_size=6))
    steps: list[Step] = [Pause(draw(st.sampled_from([0.01, 0.2])))]
    for length, pause_s in cycle(cuts):
        steps.append(text[:length])
        if pause_s:
            steps.append(Pause(pause_s))
        if not (text := text[length:]):
            break
    calls = [ToolCallDelta(0, None, name, "{}") for name in ("look", "order", "pay", "nothing", "show_map")]
    steps += draw(st.sampled_from([(), (), (), (HANG,), (EngineRefused("No."),), *((call,) for call in calls)]))
    return steps


def barging_in(barge_in: BargeIn) -> Configure:
    return Configure(Preferences(tools=(MAPS,), turn_taking=TurnTakingPreferences(barge_in=barge_in)))


def speech_over_a_reply(text: str) -> st.SearchStrategy[Act]:
    return st.builds(Speech, st.floats(*LENGTHS_S[text]), st.just(text))


over_a_reply = st.sampled_from(sorted(LENGTHS_S)).flatmap(speech_over_a_reply)
anything: st.SearchStrategy[Act] = st.one_of(
    st.builds(Speech, st.floats(0.1, 2.5), st.sampled_from([ASKS, OBJECTS, "停", "嗯", ""])),
    st.sampled_from([SendText(TYPED), Interrupt(), Say("你好。"), ClearAudio(), CommitAudio(), CommitAudio(False)]),
    st.sampled_from(["stop here", "stop here", "create", "message", "allow"]),
    st.sampled_from(BARGE_INS).map(barging_in),
)
exchanges = st.builds(
    Exchange,
    st.one_of(st.builds(Speech, st.floats(1.2, 1.6), st.just(ASKS)), st.just(SendText(TYPED))),
    st.floats(1, 4),
    st.tuples(
        st.tuples(st.just(0.0), st.booleans().flatmap(lambda one: over_a_reply if one else over_a_reply | anything)),
        st.tuples(st.floats(0.1, 4), st.one_of(over_a_reply, anything)),
    ),
)
talks = st.builds(
    Talk,
    st.lists(exchanges, min_size=1, max_size=2),
    st.lists(replies(), min_size=1, max_size=3),
    barge_in=st.sampled_from(["pause", "pause", "pause", *BARGE_INS]),
    pauses_playback=st.booleans(),
    asr_delay_s=st.sampled_from([0.05, 0.05, 0.4, 2.5]),
    reports_s=st.sampled_from([0.1, 0.7, None]),
    late_ms=st.sampled_from([150.0, 300.0, 0.0]),
    stalls_s=st.sampled_from([0.0, 0.0, 1.0]),
    tool_s=st.sampled_from([0.0, 0.3, 4.0]),
    allows=st.booleans(),
)


def usual(act: Act, **client: Any) -> Talk:
    """The user asks, listens for two seconds, and does this; nothing else happens."""
    answer = [Pause(0.2), "[平静] ", "这是一个很长很长的回答，又是一句话。" * 12]
    return Talk([Exchange(Speech(1.4, ASKS), 2.0, ((0.0, act),))], [answer], **client)


USUAL = [
    *(
        usual(act, pauses_playback=pauses_playback)
        for act in (Speech(0.3, ""), Speech(0.4, "嗯"), Speech(2.0, OBJECTS), "stop here")
        for pauses_playback in (True, False)
    ),
    usual(Speech(2.0, OBJECTS), reports_s=0.1, late_ms=300.0),
    usual(Speech(2.0, OBJECTS), reports_s=0.7, late_ms=300.0, pauses_playback=True),
    usual(Speech(2.0, OBJECTS), stalls_s=2.0),
]
"""What a talk drawn at random may not come to."""


# -------------------------------------------------------------------------------------------------------------- played


@dataclass
class TimedLLM:
    """A scripted one, and when it was asked what. Takes calls out of its text, as every engine does."""

    scripted: ScriptedLLM
    asked: list[tuple[float, LLMRequest]] = field(default_factory=list[tuple[float, LLMRequest]])

    @property
    def info(self) -> LLMInfo:
        return self.scripted.info

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        self.asked.append((anyio.current_time(), request))
        calls = NativeCalls(request.tools)
        async with aclosing(self.scripted.generate(request)) as deltas:
            async for delta in deltas:
                for one in calls.feed(delta):
                    yield one

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return await self.scripted.count_tokens(messages)


@dataclass
class TimedStore:
    """Keeps when each turn was over, whenever its client hears of it."""

    over_at: dict[TurnId, float] = field(default_factory=dict[TurnId, float])
    store: InMemoryStore = field(default_factory=InMemoryStore)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def greet(self, conversation: Conversation, greeting: AssistantMessage | None, turn: KeptTurn) -> None:
        self.over_at[turn.id] = anyio.current_time()
        await self.store.greet(conversation, greeting, turn)

    async def keep_turn(self, conversation_id: ConversationId, turn: KeptTurn) -> None:
        self.over_at[turn.id] = anyio.current_time()
        await self.store.keep_turn(conversation_id, turn)


@dataclass
class Talked:
    """What came of a talk.

    Attributes:
        told: The events, and when the client took them.
        acts: What the user and the client did, and when.
    """

    talk: Talk
    told: Sequence[tuple[float, Event]]
    history: Sequence[Message]
    acts: Sequence[tuple[float, Act]]
    client: Client
    asked: Sequence[tuple[float, LLMRequest]]
    llm: ScriptedLLM
    spoken: Sequence[str]
    over_at: Mapping[TurnId, float]

    @property
    def events(self) -> Sequence[Event]:
        return [event for _, event in self.told]


def play(talk: Talk) -> Talked:
    """What comes of it, on the virtual clock."""
    came: list[Talked] = []

    @on_virtual_clock
    async def playing() -> None:
        came.append(await _play(talk))

    playing()
    return came[0]


async def _play(talk: Talk) -> Talked:
    llm, tts, kept, client = (
        TimedLLM(ScriptedLLM(*talk.replies)),
        ScriptedTTS(),
        TimedStore(),
        Client(talk.pauses_playback, talk.late_ms),
    )
    store: Store = kept  # pyright: ignore[reportAssignmentType] - what it does not time itself it hands on
    preferences = Preferences(
        tools=(MAPS,),
        allows_tools=talk.allows,
        pauses_playback=talk.pauses_playback,
        turn_taking=TurnTakingPreferences(barge_in=talk.barge_in),
    )
    source = Tools(
        (
            ScriptedTool("look", [Pause(talk.tool_s), "seen"]),
            ScriptedTool("order", [Pause(talk.tool_s), "comes"], cancellable=False),
            ScriptedTool("pay", "paid", confirm=True),
        )
    )
    acts: list[tuple[float, Act]] = []
    async with open_toolbox([source]) as toolbox:
        options = replace(LIVE, preferences=preferences, tools=toolbox.select(["*"]), most_rounds=3)
        async with live(
            llm, options=options, asr_delay_s=talk.asr_delay_s, tts=tts, store=store, heeds=client.take
        ) as user:

            async def report(every_s: float) -> None:
                while not user.muted:
                    await anyio.sleep(every_s)
                    if (report := client.report()) is not None:
                        await user.do(report)

            async with anyio.create_task_group() as group:
                if talk.reports_s is not None:
                    group.start_soon(report, talk.reports_s)
                for exchange in talk.exchanges:
                    await _exchange(exchange, user, client, acts, talk.stalls_s)
                await anyio.sleep(3)
                user.muted = True
            await anyio.sleep(300)
            history = await user.stage.history()
    spoken = [call.text for call in tts.calls]
    return Talked(talk, user.events, history, acts, client, llm.asked, llm.scripted, spoken, kept.over_at)


async def _exchange(
    exchange: Exchange, user: Live, client: Client, acts: list[tuple[float, Act]], stalls_s: float
) -> None:
    acts.append((anyio.current_time(), exchange.asks))
    if isinstance(exchange.asks, Speech):
        await user.speak(exchange.asks.seconds, exchange.asks.text)
    else:
        await user.do(exchange.asks)
    with anyio.move_on_after(8):
        while client.newest is None:
            await anyio.sleep(0.05)
    await anyio.sleep(exchange.listens_s)
    for after_s, act in exchange.acts:
        await anyio.sleep(after_s)
        acts.append((anyio.current_time(), act))
        user.stalled_until = anyio.current_time() + stalls_s
        await _do(act, user, client)


async def _do(act: Act, user: Live, client: Client) -> None:
    match act:
        case Speech(seconds, text):
            await user.speak(seconds, text)
        case "stop here":
            await user.do(client.stop())
        case "create":
            await user.do(CreateReply(new_turn_id()))
        case "allow":
            started = [event.call.id for event in user.told() if isinstance(event, ToolStarted) and event.asks]
            await user.do(AllowTool(started[-1] if started else "call_of_nobody", allowed=True))
        case "message":
            await user.do(AddMessage(UserMessage(new_message_id(), TurnId(""), ADDED)))
        case str():
            raise ValueError(act)
        case _:
            await user.do(act)


def speed_of(emotion: str) -> float:
    return PERSONA.style_for(emotion).speed
