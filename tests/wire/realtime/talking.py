"""A codec with a server behind it that is made up, and what OpenAI's own types say of its events."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast, get_args

from openai.types.realtime import realtime_server_event
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel
from tests.wire.realtime.documented import OURS, SENT

from myna.core.commands import Command
from myna.core.errors import UnknownName
from myna.core.events import Event, ReplyEnded, ReplyText, SpeechStarted, SpeechStopped, TurnEnded, TurnStarted
from myna.core.ids import ConversationId, MessageId, TurnId
from myna.core.reply import Reply
from myna.core.tools import ToolCall
from myna.wire.realtime import RealtimeCodec, Served

TURN, USER, REPLY = TurnId("turn_a"), MessageId("msg_user"), MessageId("msg_reply")

VOICES = {"marin": "af_heart", "zf_xiaobei": "zf_xiaobei", "default": None}

RESPONSE: dict[str, Any] = {
    "object": "realtime.response",
    "id": "resp_a",
    "status": "in_progress",
    "status_details": None,
    "output": [],
    "conversation_id": "conv_1",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "af_sky"}},
    "usage": None,
    "metadata": None,
}

CALL = ToolCall("call_9", "get_weather", '{"city": "Oslo"}')

SAID = Reply("[Happy] Hi.", "Hi.", "Hi.")

HI = {"type": "input_text", "text": "Hi"}


def user(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts), **fields}


OURS_IN_A_SESSION = {"id", "object", "myna"}
"""What OpenAI's types of a session lack: the first two are in its answers, the third is Myna's."""


def voice_of(name: str) -> str | None:
    if name not in VOICES:
        raise UnknownName(f"There is no voice {name!r}.", hint=f"There are {', '.join(VOICES)}.")
    return VOICES[name]


SERVED = Served(
    session_id="sess_1",
    conversation_id=ConversationId("conv_1"),
    model="myna/assistant",
    voice_of=voice_of,
    transcriber="whisper-base",
    languages=frozenset({"zh", "en"}),
    voice="af_sky",
    instructions="You are kind.",
    greetings=("Hello!", "Well, hello there."),
)


class Ids:
    """Ids that count, of each kind: ``event_1``, ``event_2`` …"""

    def __init__(self) -> None:
        self._made: Counter[str] = Counter()

    def __call__(self, kind: str) -> str:
        self._made[kind] += 1
        return f"{kind}_{self._made[kind]}"


class Line:
    """A client's end of a codec. What it is told is checked against OpenAI's types, and shown without event ids."""

    def __init__(self, served: Served = SERVED, **others: Any) -> None:
        self.codec = RealtimeCodec(replace(served, **others), Ids())
        self.event_ids: list[str] = []

    def send(self, kind: str, **fields: Any) -> tuple[tuple[Command, ...], list[dict[str, Any]]]:
        """The commands and the replies."""
        return self.send_text(json.dumps({"type": kind, **fields}))

    def send_text(self, message: str | bytes) -> tuple[tuple[Command, ...], list[dict[str, Any]]]:
        decoded = self.codec.decode(message)
        return tuple(decoded.commands), self.told(decoded.replies)

    def refusal(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The error that an event comes to, and nothing else."""
        commands, told = self.send(kind, **fields)
        assert commands == ()
        assert [event["type"] for event in told] == ["error"]
        return told[0]["error"]

    def set(self, **session: Any) -> dict[str, Any]:
        """The session as it is told after an update."""
        _, told = self.send("session.update", session=session)
        assert told[0]["type"] == "session.updated", told
        return told[0]["session"]

    def happens(self, *events: Event) -> list[dict[str, Any]]:
        """What the client is told of these."""
        return [told for event in events for told in self.told(self.codec.encode(event))]

    def told(self, events: Iterable[Any]) -> list[dict[str, Any]]:
        return list(self._checked(events))

    def _checked(self, events: Iterable[Any]) -> Iterator[dict[str, Any]]:
        for event in events:
            told = json.loads(json.dumps(event, allow_nan=False))
            check(told)
            self.event_ids.append(told.pop("event_id"))
            yield told

    # What many tests begin with.

    def hears(self, turn_id: TurnId = TURN, utterance_id: MessageId = USER) -> list[dict[str, Any]]:
        """An utterance, that is answered with `REPLY`."""
        return self.happens(
            SpeechStarted(turn_id, utterance_id, 300),
            SpeechStopped(turn_id, utterance_id, 1500),
            TurnStarted(turn_id, utterance_id, REPLY),
        )

    def answers(self, text: str = "Hi.") -> list[dict[str, Any]]:
        """All of a reply."""
        return self.happens(
            ReplyText(TURN, text),
            ReplyEnded(TURN, complete=True),
            TurnEnded(TURN, "completed", Reply(text, text, text)),
        )


def kinds(events: Iterable[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def _models() -> dict[str, type[BaseModel]]:
    members: tuple[type[BaseModel], ...] = get_args(get_args(RealtimeServerEvent)[0])
    return {get_args(member.model_fields["type"].annotation)[0]: member for member in members}


OPENAI_EVENTS = _models()
assert realtime_server_event.ConversationItemRetrieved in OPENAI_EVENTS.values()


def check(event: dict[str, Any]) -> None:
    """Whether an event is one of OpenAI's, with all of the fields that it has to have, and no other; and documented."""
    assert event["event_id"].startswith("event_")
    assert event["type"] in SENT | OURS
    if event["type"].startswith("myna."):
        return
    allowed = OURS_IN_A_SESSION if event["type"].startswith("session.") else set[str]()
    known = OPENAI_EVENTS[event["type"]].model_validate(_at_24_khz(event))
    assert _unknown(known) <= allowed, f"{event['type']} has no {_unknown(known)}"


def _at_24_khz(value: Any) -> Any:
    """The same with the one rate that OpenAI's types know; the others are Myna's."""
    match value:
        case {"type": "audio/pcm", "rate": 8000 | 16_000 | 48_000}:
            return value | {"rate": 24_000}
        case dict():
            return {key: _at_24_khz(item) for key, item in cast(dict[str, Any], value).items()}
        case _:
            return value


def _unknown(value: object) -> set[str]:
    match value:
        case BaseModel():
            fields = (getattr(value, name) for name in value.model_fields_set)
            return set(value.model_extra or {}).union(*map(_unknown, fields))
        case list():
            return set[str]().union(*map(_unknown, cast(list[object], value)))
        case _:
            return set()
