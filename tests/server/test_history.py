from myna.core.ids import MessageId, TurnId
from myna.core.messages import AssistantMessage, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.tools import ToolCall
from myna.server.history import ToldMessage, history_told, work_of
from myna.server.raw_replies import RawReplies

ASKED = ToldMessage("user", "What time is it?")
CALL = ToolCallMessage(MessageId("m1"), TurnId("t"), ToolCall("c1", "clock", "{}"))
RESULT = ToolResultMessage(MessageId("m2"), TurnId("t"), "c1", "18:05")
MINE = ToolCall("c9", "weather", "{}")


def test_a_call_of_the_client_s_stands_behind_what_was_said_before_it() -> None:
    told = [ASKED, ToldMessage("assistant", "Wait.", (MINE,)), ToldMessage("tool", "rain", call_id="c9")]
    user, said, call, result = history_told(told, RawReplies(), "bird", "ann").messages
    assert isinstance(user, UserMessage)
    assert isinstance(said, AssistantMessage)
    assert isinstance(call, ToolCallMessage)
    assert isinstance(result, ToolResultMessage)
    assert (said.reply.display, call.call, result.call_id, result.output) == ("Wait.", MINE, "c9", "rain")


def test_a_message_that_only_calls_says_nothing() -> None:
    kinds = [
        type(message)
        for message in history_told([ToldMessage("assistant", " ", (MINE,))], RawReplies(), "b", "a").messages
    ]
    assert kinds == [ToolCallMessage]


def test_what_the_server_s_tools_did_stands_before_the_reply_that_it_led_to() -> None:
    replies = RawReplies()
    replies.keep_work(history_told([ASKED], replies, "bird", "ann").led_to, "Six.", [CALL, RESULT])
    told = [ASKED, ToldMessage("assistant", "Six.\n"), ToldMessage("user", "Where?")]
    messages = history_told(told, replies, "bird", "ann").messages
    assert messages[1:3] == (CALL, RESULT)
    assert len(messages) == 5
    for persona_id, caller in (("cat", "ann"), ("bird", "bob")):
        assert len(history_told(told, replies, persona_id, caller).messages) == 3


def test_every_message_that_led_to_a_reply_counts() -> None:
    told = [ASKED, ToldMessage("assistant", "Wait.", (MINE,)), ToldMessage("tool", "rain", call_id="c9")]
    others = [
        told[:2],
        [ToldMessage("user", "What?"), *told[1:]],
        [ASKED, ToldMessage("assistant", "Wait!", (MINE,)), told[2]],
        [ASKED, ToldMessage("assistant", "Wait.", (ToolCall("c9", "weather", '{"a": 1}'),)), told[2]],
        [*told[:2], ToldMessage("tool", "snow", call_id="c9")],
        [*told[:2], ToldMessage("tool", "rain", call_id="c8")],
        [ToldMessage("assistant", ASKED.text), *told[1:]],
    ]
    ways = {history_told(each, RawReplies(), "bird", "ann").led_to for each in (told, *others)}
    assert len(ways) == len(others) + 1


def test_a_call_that_was_not_answered_is_no_work_of_the_server_s() -> None:
    unanswered = ToolCallMessage(MessageId("m3"), TurnId("t"), MINE)
    assert work_of([UserMessage(MessageId("u"), TurnId("t"), "Hi"), CALL, RESULT, unanswered]) == [CALL, RESULT]
