import tracemalloc
from dataclasses import replace

from myna.core.ids import MessageId, TurnId
from myna.core.messages import ToolCallMessage, ToolResultMessage
from myna.core.tools import ToolCall
from myna.server.raw_replies import ENTRY, RawReplies

CALL = ToolCallMessage(MessageId("m1"), TurnId("t"), ToolCall("c1", "clock", "{}"))
RESULT = ToolResultMessage(MessageId("m2"), TurnId("t"), "c1", "18:05")


def test_what_was_shown_finds_what_was_written() -> None:
    replies = RawReplies()
    replies.keep("bird", " 你好！", "[开心] 你好！")
    assert replies.of("bird", "你好！\n") == "[开心] 你好！"
    assert replies.of("bird", "再见。") == "再见。"
    assert replies.of("cat", "你好！") == "你好！"


def test_the_oldest_make_room() -> None:
    replies = RawReplies(most_characters=50 * ENTRY)
    for number in range(1000):
        replies.keep("bird", f"reply {number}", f"[Calm] reply {number}")
    assert replies.of("bird", "reply 999") == "[Calm] reply 999"
    assert replies.of("bird", "reply 900") == "reply 900"


def test_one_that_is_said_again_takes_no_more_room() -> None:
    replies = RawReplies(most_characters=30 * ENTRY)
    replies.keep("bird", "another", "[Calm] another")
    for _ in range(1000):
        replies.keep("bird", "yes", "[Calm] yes")
    assert replies.of("bird", "another") == "[Calm] another"


def test_what_tools_did_is_found_by_what_led_to_it_and_what_was_shown() -> None:
    replies = RawReplies()
    replies.keep_work(b"hello", "Six. ", [CALL, RESULT])
    assert list(replies.work(b"hello", "Six.")) == [CALL, RESULT]
    assert replies.work(b"bye", "Six.") == replies.work(b"hello", "Seven.") == ()


def test_replies_without_tools_take_no_room_and_the_oldest_work_makes_room() -> None:
    replies = RawReplies(most_of_tools=10 * (3 * ENTRY + len("c1clock{}c118:05")))
    replies.keep_work(b"first", "", [CALL, RESULT])
    for number in range(100):
        replies.keep_work(b"%d" % number, "", [])
    assert replies.work(b"first", "")
    for number in range(100):
        replies.keep_work(b"%d" % number, "", [CALL, RESULT])
    assert not replies.work(b"first", "")
    assert not replies.work(b"89", "")
    assert replies.work(b"90", "")


def test_what_is_kept_takes_about_as_much_memory_as_it_is_said_to() -> None:
    replies = RawReplies(most_of_tools=1 << 20)
    empty = ToolResultMessage(MessageId("m2"), TurnId("t"), "", "")
    tracemalloc.start()
    for number in range(5_000):
        call = replace(CALL, id=MessageId(f"m{number}"), call=ToolCall(f"c{number}", "clock", ""))
        replies.keep_work(b"%d" % number, f"{number} {'It is twelve, and all is well. ' * 20}", [call, replace(empty)])
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (1 << 18) < taken < (1 << 20)


def test_what_one_reply_did_does_not_push_out_what_all_others_did():
    replies = RawReplies(most_of_tools=16_000)
    replies.keep_work(b"before", "six", [CALL, RESULT])
    replies.keep_work(b"long", "long", [CALL, replace(RESULT, output="x" * 20_000)])
    replies.keep_work(b"half", "half", [CALL, replace(RESULT, output="x" * 8_000)])
    assert replies.work(b"before", "six") == (CALL, RESULT)
    assert replies.work(b"long", "long") == replies.work(b"half", "half") == ()
