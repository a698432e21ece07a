from myna.server.raw_replies import RawReplies


def test_what_was_shown_finds_what_was_written() -> None:
    replies = RawReplies()
    replies.keep("bird", " 你好！", "[开心] 你好！")
    assert replies.of("bird", "你好！\n") == "[开心] 你好！"
    assert replies.of("bird", "再见。") == "再见。"
    assert replies.of("cat", "你好！") == "你好！"


def test_the_oldest_make_room() -> None:
    replies = RawReplies(most_characters=100)
    for number in range(1000):
        replies.keep("bird", f"reply {number}", f"[Calm] reply {number}")
    assert replies.of("bird", "reply 999") == "[Calm] reply 999"
    assert replies.of("bird", "reply 990") == "reply 990"


def test_one_that_is_said_again_takes_no_more_room() -> None:
    replies = RawReplies(most_characters=100)
    replies.keep("bird", "another", "[Calm] another")
    for _ in range(1000):
        replies.keep("bird", "yes", "[Calm] yes")
    assert replies.of("bird", "another") == "[Calm] another"
