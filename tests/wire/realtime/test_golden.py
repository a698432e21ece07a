"""Every event, in each direction, is compared exactly somewhere: here those of a client, elsewhere what it is sent."""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from tests.wire.realtime.documented import NOT_SERVED, OURS, SENT
from tests.wire.realtime.talking import HI, OPENAI_EVENTS, REPLY, TURN, USER, Line, user

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
    TruncateReply,
)
from myna.core.events import Interrupted, ReplyAudio, ReplyEnded, ReplyText, TurnEnded
from myna.core.ids import MessageId, TurnId
from myna.core.messages import UserMessage
from myna.core.preferences import Preferences
from myna.wire.realtime.client_events import CLIENT_EVENTS

# ------------------------------------------------------------------------------------------------ what a client is sent


@pytest.mark.parametrize("kind", sorted(OPENAI_EVENTS))
def test_every_event_of_openai_s_is_documented_as_sent_or_as_not_served(kind: str) -> None:
    assert (kind in SENT) != any(fnmatch(kind, left_out) for left_out in NOT_SERVED)


@pytest.mark.parametrize("kind", sorted(SENT | OURS))
def test_every_event_that_is_sent_is_compared_exactly_in_some_test(kind: str) -> None:
    assert kind in COMPARED


def compared(page: ast.Module) -> Iterator[str]:
    """The types of all events that are written out in an ``assert … == …``."""
    names = {
        target.id: node.value
        for node in ast.walk(page)
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
    }
    for node in ast.walk(page):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.Eq):
            for side in (node.test.left, *node.test.comparators):
                for event in events(side):
                    fields = dict(zip(event.keys, event.values, strict=True))
                    yield from (
                        text(value, names)
                        for key, value in fields.items()
                        if isinstance(key, ast.Constant) and key.value == "type"
                    )


def events(side: ast.expr) -> Iterator[ast.Dict]:
    """Those written out on one side: alone or in lists, and not what is within them."""
    match side:
        case ast.Dict():
            yield side
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from events(part)
        case _:
            pass


def text(value: ast.expr, names: Mapping[str, ast.expr]) -> str:
    """What a literal says, or an f-string of names that stand for literals."""
    match value:
        case ast.Constant(value=str(said)):
            return said
        case ast.JoinedStr(values=parts):
            return "".join(text(part, names) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name)) if name in names:
            return text(names[name], names)
        case _:
            return ""


COMPARED = {
    kind
    for page in Path(__file__).parent.glob("test_*.py")
    for kind in compared(ast.parse(page.read_text(encoding="utf-8")))
}


# ---------------------------------------------------------------------------------------------- what a client may send


def nothing(line: Line) -> None:
    """As it is when it is opened."""


def speaks(line: Line) -> None:
    """A reply is being spoken, and one second of it was sent."""
    line.hears()
    line.happens(ReplyText(TURN, "Once upon a time."), ReplyAudio(TURN, 0, bytes(48_000), 24_000))


def collects(line: Line) -> None:
    """The client commits, and has appended half a second, of which all is on its way."""
    line.set(audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}, "turn_detection": None}})
    line.send("input_audio_buffer.append", audio="AAAA" * 5334)


@dataclass(frozen=True, slots=True)
class Sent:
    """An event with these fields, sent when this has happened, and all that it comes to."""

    fields: dict[str, Any]
    commands: tuple[Command, ...]
    told: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    when: Callable[[Line], None] = nothing


USER_ITEM = {
    "id": USER,
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_audio", "transcript": None}],
}

GOLDEN: Mapping[str, Sent] = {
    "input_audio_buffer.append": Sent({"audio": "AQID"}, (AppendAudio(b"\x01\x02"),), when=collects),
    "input_audio_buffer.commit": Sent({}, (CommitAudio(replies=False, ref="ref_1"),), when=collects),
    "input_audio_buffer.clear": Sent({}, (ClearAudio(),), [{"type": "input_audio_buffer.cleared"}]),
    "output_audio_buffer.clear": Sent({}, (Interrupt(turn_id=TURN),), when=speaks),
    "conversation.item.create": Sent(
        {"item": user(HI), "previous_item_id": USER},
        (AddMessage(UserMessage(MessageId("msg_1"), TurnId("turn_1"), "Hi"), USER, "ref_1"),),
        when=speaks,
    ),
    "conversation.item.retrieve": Sent(
        {"item_id": USER}, (), [{"type": "conversation.item.retrieved", "item": USER_ITEM}], when=speaks
    ),
    "conversation.item.truncate": Sent(
        {"item_id": REPLY, "content_index": 0, "audio_end_ms": 400},
        (TruncateReply(REPLY, 400, "ref_1"),),
        when=speaks,
    ),
    "conversation.item.delete": Sent({"item_id": USER}, (DeleteMessage(USER, "ref_1"),), when=speaks),
    "response.create": Sent({}, (CreateReply(TurnId("turn_1")),)),
    "response.cancel": Sent({"response_id": "resp_a"}, (Interrupt(turn_id=TURN),), when=speaks),
    "myna.playback.played": Sent(
        {"response_id": "resp_a", "audio_end_ms": 250}, (ReportPlayed(TURN, 250),), when=speaks
    ),
    "myna.tool.allow": Sent({"call_id": "call_9", "allowed": True}, (AllowTool("call_9", True, "ref_1"),)),
}


@pytest.mark.parametrize("kind", sorted(set(CLIENT_EVENTS) - {"session.update"}))
def test_every_event_of_a_client_comes_to_exactly_this(kind: str) -> None:
    line, sent = Line(), GOLDEN[kind]
    sent.when(line)
    assert line.send(kind, **sent.fields) == (sent.commands, sent.told)


def test_an_update_of_the_session_comes_to_exactly_this() -> None:
    line = Line()
    [created] = line.told(line.codec.greet())
    commands, told = line.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
    assert commands == (Configure(replace(Preferences(), instructions="Be brief.")),)
    assert told == [{"type": "session.updated", "session": created["session"] | {"instructions": "Be brief."}}]


def test_clearing_what_is_played_is_answered_by_exactly_this() -> None:
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once"), ReplyEnded(TURN, complete=True))
    line.send("output_audio_buffer.clear")
    told = line.happens(Interrupted(TURN, "", 0), TurnEnded(TURN, "interrupted", None))
    assert told == [{"type": "output_audio_buffer.cleared", "response_id": "resp_a"}]
