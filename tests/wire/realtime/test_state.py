from tests.wire.realtime.talking import REPLY, SERVED, TURN, USER, Ids

from myna.core.commands import ROOT
from myna.core.events import (
    ReplyEnded,
    ReplyText,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import MessageId, TurnId
from myna.wire.realtime.encoder import Encoder
from myna.wire.realtime.items import Content, Items, MessageItem
from myna.wire.realtime.state import MOST_ASKED, Asked, State


def item(name: str) -> MessageItem:
    return MessageItem(MessageId(name), "user", (Content("input_text", name),))


def ids(items: Items) -> str:
    return "".join(one.id for one in items)


def test_nothing_is_kept_of_a_turn_that_has_ended():
    state = State.of(SERVED, Ids())
    for event in (
        SpeechStarted(TURN, USER, 0),
        SpeechStopped(TURN, USER, 900),
        TurnStarted(TURN, USER, REPLY),
        TranscriptFinal(TURN, "Hi", "en"),
        ReplyText(TURN, "Hi."),
        ReplyEnded(TURN, complete=True),
        TurnEnded(TURN, "completed", None),
    ):
        Encoder(state).encode(event)
    assert (state.responses, state.spoken) == ({}, {})
    assert ids(state.items) == USER + REPLY


def test_what_was_asked_is_remembered_up_to_a_limit():
    state = State.of(SERVED, Ids())
    refs = [state.ask(Asked(f"evt_{n}")) for n in range(MOST_ASKED + 5)]
    assert list(state.asked) == refs[5:]


def test_audio_that_is_cleared_again_and_again_leaves_little():
    state = State.of(SERVED, Ids())
    for n in range(500):
        Encoder(state).encode(TranscriptPartial(TurnId(f"turn_{n}"), MessageId(f"msg_{n}"), "Hi", 2, "en"))
    assert len(state.spoken) == 64
    assert TurnId("turn_499") in state.spoken


def test_the_ids_of_what_has_ended_are_remembered_up_to_a_limit():
    state = State.of(SERVED, Ids())
    for n in range(100):
        turn_id = TurnId(f"turn_{n}")
        Encoder(state).encode(TurnStarted(turn_id, None, MessageId(f"msg_{n}")))
        Encoder(state).encode(TurnEnded(turn_id, "completed", None))
    assert state.ended[0] == "resp_36"
    assert len(state.ended) == 64


def test_only_the_newest_items_are_known():
    items = Items((item(name) for name in "abcde"), most=3)
    assert ids(items) == "cde"
    assert "a" not in items


def test_so_many_items_are_known_as_hold_no_more_than_so_much_text():
    items = Items(most_characters=10)
    for name in ("a" * 4, "b" * 4, "c" * 4):
        items.add(item(name))
    assert ids(items) == "bbbbcccc"
    items.put(MessageItem(MessageId("bbbb"), "user", (Content("input_text", "b" * 5),)))
    items.add(item("d"))
    assert ids(items) == "bbbbccccd"
    items.remove(MessageId("cccc"))
    items.add(item("e" * 4))
    assert ids(items) == "bbbbdeeee"
    items.add(item("f" * 11))
    assert ids(items) == "f" * 11


def test_an_item_goes_behind_the_one_that_it_follows():
    items = Items(item(name) for name in "abc")
    items.add(item("x"), MessageId("a"))
    items.add(item("y"), ROOT)
    items.add(item("z"), MessageId("c"))
    items.add(item("w"), MessageId("gone"))
    assert ids(items) == "yaxbczw"
    assert items.last_id == "w"


def test_an_item_that_is_gone_does_not_come_back_by_a_change():
    items = Items(item(name) for name in "ab")
    assert items.remove(MessageId("a"))
    assert not items.remove(MessageId("a"))
    items.put(item("a"))
    items.heard(MessageId("a"), "x")
    assert ids(items) == "b"
