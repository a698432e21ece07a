"""Whatever a session does that it may do, and whatever a client sends, the client is told things in their order."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.realtime.talking import SERVED, Ids, check
from tests.wire.realtime.watching import Watch

from myna.core.commands import (
    AddMessage,
    AllowTool,
    AppendAudio,
    ClearAudio,
    Command,
    CommitAudio,
    Configure,
    CreateReply,
    DeleteMessage,
    Interrupt,
    ReportPlayed,
    Say,
    TruncateReply,
)
from myna.core.errors import Busy
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Event,
    Failed,
    IdleTimedOut,
    Interrupted,
    LevelsHeard,
    MessageAdded,
    MessageDeleted,
    ModelLoads,
    PlaybackPaused,
    PlaybackResumed,
    Refused,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    ReplyTruncated,
    SegmentReady,
    SpeechStarted,
    SpeechStopped,
    StageTimed,
    ToolCalled,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TranscriptPart,
    TranscriptPartial,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import MessageId, TurnId
from myna.core.reply import Reply, Segment
from myna.core.tools import ToolCall, ToolResult
from myna.wire.realtime import RealtimeCodec

SAID = Reply("[Happy] Hi there.", "Hi there.", "Hi there.")
TEXTS = ["", "Hi", "Hi there", "Hi there.", "Bye", "你好"]


class Pretence:
    """A session that does what its commands ask, or refuses it; chance decides what happens in it."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.turn_id: TurnId | None = None
        self.waiting: deque[Event] = deque()  # what the turn of the conversation has yet to tell
        self.apart: dict[TurnId, deque[Event]] = {}
        self.queue: deque[tuple[TurnId, bool]] = deque()  # what was asked for, and whether it is committed audio
        self.made = 0

    def new(self, kind: str) -> str:
        self.made += 1
        return f"{kind}_s{self.made}"

    def rarely(self, one_in: int) -> bool:
        return self.chance.randrange(one_in) == 0

    def send(self, command: Command) -> list[Event]:
        """Take a command; what it causes at once."""
        match command:
            case AddMessage() | DeleteMessage() | TruncateReply():
                return [Refused(command.ref, "bad_input", "No.", "") if self.rarely(4) else _done(command)]
            case CreateReply(turn_id=turn_id, apart=True):
                self.apart[turn_id] = deque(self._reply(turn_id, None))
            case CreateReply(turn_id=turn_id):
                self.queue.append((turn_id, False))
            case CommitAudio() | Say():
                self.queue.append((TurnId(self.new("turn")), isinstance(command, CommitAudio)))
            case Interrupt(turn_id=turn_id):
                self.interrupt(turn_id)
            case AllowTool():
                return [Refused(command.ref, "unknown_name", "Nobody asks.", "")] if self.rarely(2) else []
            case AppendAudio() | ClearAudio() | Configure() | ReportPlayed():
                pass
            case _:
                raise AssertionError(command)
        return []

    def interrupt(self, turn_id: TurnId | None) -> None:
        """End a turn that is told, is apart or waits."""
        if turn_id is None:
            return
        end: list[Event] = [Interrupted(turn_id, "Hi", 10), TurnEnded(turn_id, "interrupted", SAID)]
        if turn_id == self.turn_id and self.waiting:
            self.waiting = deque(end)
        elif self.apart.get(turn_id):
            self.apart[turn_id] = deque(end)
        elif (turn_id, False) in self.queue:
            self.queue.remove((turn_id, False))
            self.apart[turn_id] = deque(end[1:])

    def goes_on(self) -> list[Event]:
        """What happens next."""
        if self.rarely(10):
            return [LevelsHeard(100, -40.0, 0.1, 0.5, "silence")]
        beside = [events for events in self.apart.values() if events]
        if beside and self.rarely(2):
            return [self.chance.choice(beside).popleft()]
        if not self.waiting:
            self._begin()
        elif self.rarely(25):
            self.interrupt(self.turn_id)  # the user speaks
        return [self.waiting.popleft()] if self.waiting else []

    def closes(self) -> Iterator[Event]:
        """What is told of all that has begun or was asked for."""
        for turn_id, _ in [*self.queue, (self.turn_id, False), *((turn, False) for turn in self.apart)]:
            self.interrupt(turn_id)
        yield from self.waiting
        for events in self.apart.values():
            yield from events

    def _begin(self) -> None:
        if self.queue:
            self.turn_id, committed = self.queue.popleft()
            self.waiting = deque(self._committed(self.turn_id) if committed else self._reply(self.turn_id, None))
        elif self.rarely(2):
            self.turn_id = TurnId(self.new("turn"))
            self.waiting = deque(self._spoken(self.turn_id))

    def _committed(self, turn_id: TurnId) -> list[Event]:
        item = MessageId(self.new("msg"))
        return [
            *self._partials(turn_id, item),
            TurnStarted(turn_id, item, None),
            TranscriptFinal(turn_id, self.chance.choice(TEXTS), "en"),
            TurnEnded(turn_id, "completed", None),
        ]

    def _partials(self, turn_id: TurnId, item: MessageId) -> list[Event]:
        texts = self.chance.choices(TEXTS[1:], k=self.chance.randrange(4))
        return [TranscriptPartial(turn_id, item, text, self.chance.randrange(len(text) + 1), "en") for text in texts]

    def _spoken(self, turn_id: TurnId) -> list[Event]:
        item = MessageId(self.new("msg"))
        if self.rarely(8):
            return [IdleTimedOut(turn_id, item, 0, 6000), *self._reply(turn_id, item)]
        heard = [SpeechStarted(turn_id, item, 100), *self._partials(turn_id, item)]
        if self.rarely(6):
            return [*heard, TurnEnded(turn_id, "silent", None)]
        heard.append(SpeechStopped(turn_id, item, 900))
        if self.rarely(8):
            started = TurnStarted(turn_id, item, MessageId(self.new("msg")))
            return [*heard, started, *self._failure(turn_id)]
        return [*heard, *self._reply(turn_id, item)]

    def _failure(self, turn_id: TurnId) -> list[Event]:
        return [Failed(turn_id, "engine_timeout", "It hangs.", ""), TurnEnded(turn_id, "failed", None)]

    def _reply(self, turn_id: TurnId, utterance_id: MessageId | None) -> list[Event]:
        said: list[Event] = []
        if utterance_id is not None:
            part = TranscriptPart("Hi", 100, 900)
            said = [TranscriptFinal(turn_id, self.chance.choice(TEXTS), "en", (part,))]
        calls = [
            ToolCalled(turn_id, MessageId(self.new("msg")), ToolCall(self.new("call"), "now", "{}"))
            for _ in range(self.chance.choice([0, 0, 1, 2]))
        ]
        end: list[Event] = [
            ReplyEnded(turn_id, complete=not self.rarely(6), prompt_tokens=5, completion_tokens=2),
            StageTimed(turn_id, "turn", 80.5),
            TurnEnded(turn_id, "completed", SAID),
        ]
        started = TurnStarted(turn_id, utterance_id, MessageId(self.new("msg")))
        body = [*self._body(turn_id), *calls, *self._body(turn_id)]
        return [started, *said, *body, *(self._failure(turn_id) if self.rarely(8) else end)]

    def _body(self, turn_id: TurnId) -> list[Event]:
        """What a reply may tell before its end, in any order."""
        one: list[Event] = [
            ReplyText(turn_id, "Hi"),
            ReplyText(turn_id, " there"),
            ReplyAudio(turn_id, 0, bytes(2), 24_000),
            ReplyAudio(turn_id, 0, bytes(960), 24_000),
            EmotionChanged(turn_id, "Happy"),
            SegmentReady(turn_id, Segment(0, "Hi there.", "Hi there.", "Happy")),
            StageTimed(turn_id, "first_audio", 12.5),
            PlaybackPaused(turn_id, 20),
            PlaybackResumed(turn_id),
            ToolStarted(turn_id, MessageId(self.new("msg")), ToolCall("call_s", "now", "{}"), asks=True),
            ToolEnded(turn_id, "call_s", "now", ToolResult("12:00"), 8.5),
            ModelLoads(turn_id, "a model"),
            EngineFailedOver(turn_id, "cloud", "busy", "Full.", "box"),
        ]
        return self.chance.choices(one, k=self.chance.randrange(6))


def _done(command: AddMessage | DeleteMessage | TruncateReply) -> Event:
    match command:
        case AddMessage(message=message):
            return MessageAdded(message, None)
        case DeleteMessage(message_id=message_id):
            return MessageDeleted(message_id)
        case TruncateReply(message_id=message_id, played_ms=played_ms):
            return ReplyTruncated(message_id, "Hi", played_ms)


HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
EVENTS = ["emotion", "greeting", "levels", "llm", "memory", "outcome", "playback", "timing", "tools", "transcript"]
SETTINGS: list[dict[str, Any]] = [
    {"output_modalities": ["text"]},
    {"output_modalities": ["audio"]},
    {"output_modalities": ["audio"]},
    {"audio": {"input": {"transcription": None, "turn_detection": None}}},
    {"audio": {"input": {"transcription": {}}, "output": {"format": {"type": "audio/pcmu"}}}},
    {"type": "transcription"},
    {"type": "realtime"},
    {"type": "realtime"},
    {"myna": {"events": EVENTS}},
    {"myna": {"events": []}},
    {"myna": {"events": EVENTS, "allows_tools": True}},
    {"myna": {"allows_tools": False, "server_tools": False}},
    {"myna": {"greeting": 1}},
]


def asks(chance: Random, items: Sequence[str], responses: Sequence[str]) -> dict[str, Any]:
    """What a client may send, mostly of what it knows."""
    item = chance.choice([*items[-6:], "nobody"])
    response = chance.choice([*responses[-3:], "resp_x"])
    apart = {"conversation": "none", "output_modalities": ["text"]}
    return chance.choice(
        [
            {"type": "input_audio_buffer.append", "audio": "AAAA" * 2000},
            {"type": "input_audio_buffer.commit"},
            {"type": "input_audio_buffer.clear"},
            {"type": "output_audio_buffer.clear"},
            {"type": "response.create"},
            {"type": "response.create"},
            {"type": "response.create", "response": apart},
            {"type": "response.cancel"},
            {"type": "response.cancel", "response_id": response},
            {"type": "conversation.item.create", "item": HI},
            {"type": "conversation.item.create", "item": HI, "previous_item_id": item},
            {"type": "conversation.item.retrieve", "item_id": item},
            {"type": "conversation.item.delete", "item_id": item},
            {
                "type": "conversation.item.truncate",
                "item_id": item,
                "content_index": 0,
                "audio_end_ms": chance.randrange(30),
            },
            {"type": "myna.playback.played", "response_id": response, "audio_end_ms": 5},
            {"type": "myna.tool.allow", "call_id": "call_s", "allowed": True},
            {"type": "session.update", "session": chance.choice(SETTINGS)},
            {"type": "session.update", "session": chance.choice(SETTINGS)},
        ]
    )


class Play:
    """A codec between a client and a session; `Watch` sees all that the client is told."""

    def __init__(self, chance: Random) -> None:
        self.codec = RealtimeCodec(SERVED, Ids())
        self.session = Pretence(chance)
        self.watch = Watch()
        self.chance = chance
        self.tell(self.codec.greet())

    def tell(self, events: Sequence[Any]) -> None:
        told = json.loads(json.dumps(events))
        for event in told:
            check(event)
        self.watch.see(told)

    def happens(self, event: Event) -> None:
        self.tell(self.codec.encode(event))
        if isinstance(event, ReplyEnded | TurnEnded):
            assert self.codec.encode(ReplyText(event.turn_id, "late")) == ()

    def client_sends(self) -> None:
        asked = asks(self.chance, list(self.watch.items), list(self.watch.responses))
        decoded = self.codec.decode(json.dumps(asked))
        self.tell(decoded.replies)
        for command in decoded.commands:
            if self.session.rarely(20):
                self.tell(self.codec.refused(command, Busy("Full.")))
                continue
            for event in self.session.send(command):
                self.happens(event)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 1 << 32), steps=st.integers(1, 250))
def test_all_is_told_in_its_order(seed: int, steps: int):
    play = Play(Random(seed))
    for _ in range(steps):
        if play.session.rarely(4):
            play.client_sends()
        else:
            for event in play.session.goes_on():
                play.happens(event)
    for event in play.session.closes():
        play.happens(event)
    play.watch.ends()
