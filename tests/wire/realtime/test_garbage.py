"""Whatever comes over the line is answered with one error, or it is an event."""

import copy
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.realtime.talking import REPLY, TURN, USER, Line

from myna.core.commands import TruncateReply
from myna.core.events import ReplyText
from myna.wire.realtime.client_events import CLIENT_EVENTS, LONGEST_EVENT, MOST_KEYS, MOST_VALUES

GOOD: list[dict[str, Any]] = [
    {
        "type": "session.update",
        "event_id": "evt",
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "x", "language": "zh", "keywords": ["a"]},
                    "noise_reduction": {"type": "near_field", "strength": 0.5},
                    "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
                },
                "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.0},
            },
            "tools": [{"type": "function", "name": "f", "description": "", "parameters": {"type": "object"}}],
            "tool_choice": {"type": "function", "name": "f"},
            "max_output_tokens": 100,
            "tracing": {"workflow_name": "x"},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
            "myna": {"events": ["emotion", "tools"], "greeting": 1, "server_tools": True, "allows_tools": True},
        },
    },
    {"type": "input_audio_buffer.append", "audio": b64encode(bytes(480)).decode()},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}], "id": "mine"},
    },
    {"type": "conversation.item.create", "item": {"type": "function_call", "name": "f", "arguments": "{}"}},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "1"}},
    {"type": "conversation.item.retrieve", "item_id": USER},
    {"type": "conversation.item.truncate", "item_id": REPLY, "content_index": 0, "audio_end_ms": 0},
    {"type": "conversation.item.delete", "item_id": USER},
    {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "input": [{"type": "item_reference", "id": USER}],
            "metadata": {"a": "b"},
            "audio": {"output": {"voice": "marin"}},
        },
    },
    {"type": "response.cancel", "response_id": "resp_a"},
    {"type": "myna.playback.played", "response_id": "resp_a", "audio_end_ms": 5},
    {"type": "myna.tool.allow", "call_id": "c", "allowed": True},
]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "root", "auto", "inf", "input_text", "x" * 3000, 1 << 70, -1, float("nan"), float("inf")]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


def test_every_event_has_an_example_that_could_be():
    assert {event["type"] for event in GOOD} == set(CLIENT_EVENTS)


def in_a_reply() -> Line:
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Hi"))
    return line


def answer(message: str | bytes) -> None:
    """Send a message in the midst of a reply; it is an event, or one error says that it is none."""
    line = in_a_reply()
    commands, told = line.send_text(message)
    if any(event["type"] == "error" for event in told):
        assert len(told) == 1
        assert commands == ()
        assert told[0]["error"]["message"]
        assert len(told[0]["error"]["message"]) < 2000
    line.answers()  # and the session goes on


@given(st.text(max_size=50) | st.binary(max_size=50) | JSON.map(json.dumps))
def test_noise_is_answered_with_an_error(message: str | bytes):
    answer(message)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in an event: what it is in, and its key there."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_an_event_with_something_else_in_it_is_an_event_or_an_error(data: st.DataObject):
    event = copy.deepcopy(data.draw(st.sampled_from(GOOD)))
    place, key = data.draw(st.sampled_from(list(places(event))))
    what = data.draw(st.sampled_from(["replaced", "gone", "more"]))
    if what == "gone":
        del place[key]
    elif what == "more" and not isinstance(key, int):
        place[data.draw(st.text(max_size=10))] = data.draw(JSON)
    else:
        place[key] = data.draw(JSON)
    answer(json.dumps(event))


@pytest.mark.parametrize("event", GOOD, ids=lambda event: event["type"])
def test_the_examples_are_events(event: dict[str, Any]):
    _, told = in_a_reply().send_text(json.dumps(event))
    refused = [one["error"]["code"] for one in told if one["type"] == "error"]
    of_nothing = (["invalid_tool_call_id"], ["input_audio_buffer_commit_empty"])  # nobody called or said anything
    assert refused == [] or refused in of_nothing


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        '"response.create"',
        '{"type": "response.create", "a": NaN}',
        '{"type": "response.create", "event_id": "\\ud800"}',
        '{"type": "response.create", "event_id": "\ud800"}',
        "[" * 100_000,
        '{"a":' * 1000 + "1" + "}" * 1000,
        '{"type": ' + "9" * 10_000 + "}",
        b"\x00\x01",
        b'{"type": "response.create"}',
    ],
)
def test_what_is_no_json_object_is_told_as_such(message: str | bytes):
    commands, [told] = Line().send_text(message)
    assert commands == ()
    assert (told["error"]["type"], told["error"]["code"]) == ("invalid_request_error", "invalid_json")


@pytest.mark.parametrize("kind", [None, 5, [], {}, "", "response.created", "x" * 5000])
def test_an_event_of_no_type_is_told_what_there_is(kind: object):
    _, [told] = Line().send_text(json.dumps({"type": kind, "event_id": "evt"}))
    assert told["error"]["param"] == "type"
    assert told["error"]["event_id"] == "evt"
    assert len(told["error"]["message"]) < 600


@pytest.mark.parametrize("event_id", [5, None, {}, "x" * 513])
def test_an_event_id_that_is_none_is_not_given_back(event_id: object):
    _, [told] = Line().send_text(json.dumps({"type": "nonsense", "event_id": event_id}))
    assert told["error"]["event_id"] is None


def test_a_number_that_json_cannot_hold_stays_outside():
    message = '{"type": "session.update", "session": {"tools": [{"name": "f", "parameters": {"a": 1e999}}]}}'
    _, [told] = Line().send_text(message)
    assert told["error"]["param"] == "session.tools[0].parameters"


@pytest.mark.parametrize(
    "session",
    [
        {"include": [1] * MOST_VALUES},
        {"tools": [{"name": "f", "parameters": {"enum": [[[0]] * MOST_VALUES]}}]},
        {f"k{n}": 1 for n in range(MOST_KEYS + 1)},
        {"tracing": {f"k{n}": 1 for n in range(MOST_KEYS + 1)}},
    ],
    ids=["a list", "lists in lists", "keys", "keys further in"],
)
def test_what_would_take_long_to_check_is_refused_before(session: dict[str, Any]):
    refusal = Line().refusal("session.update", session=session, event_id="evt")
    assert refusal["message"] == "The event holds more than 20000 values, or 1000 in one object."
    assert refusal["event_id"] == "evt"


@pytest.mark.parametrize("filling", ['"x": [' + "1," * LONGEST_EVENT + "1]", f'"x": "{"x" * LONGEST_EVENT}"'])
def test_an_event_without_audio_is_no_longer_than_what_it_may_hold(filling: str):
    _, [told] = Line().send_text(f'{{"type": "input_audio_buffer.clear", {filling}}}')
    assert told["error"]["message"].endswith("one without audio has at most 4000000.")


def test_metadata_of_too_many_keys_is_refused():
    refusal = Line().refusal("response.create", response={"metadata": {f"k{n}": 1 for n in range(17)}})
    assert (refusal["code"], refusal["param"]) == ("invalid_value", "response.metadata")
    assert "(and" not in refusal["message"]


def test_whole_numbers_may_be_written_as_others():
    line = in_a_reply()
    (truncate,), _ = line.send("conversation.item.truncate", item_id=REPLY, content_index=0, audio_end_ms=0.0)
    assert isinstance(truncate, TruncateReply)
    assert truncate.played_ms == 0
    refusal = line.refusal("conversation.item.truncate", item_id=REPLY, content_index=0, audio_end_ms=0.5)
    assert (refusal["code"], refusal["param"]) == ("invalid_type", "audio_end_ms")


def test_a_megabyte_of_audio_is_audio():
    commands, told = Line().send("input_audio_buffer.append", audio=b64encode(bytes(1 << 20)).decode())
    assert (len(commands), told) == (22, [])
