import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.end_to_end.processes import Server as Myna
from tests.ros2.faulty import HEAD, JSON, Fault, babbles, faulty, piece, sends

from rdk_chat.call import Call, Server, key_of
from rdk_chat.myna import health
from rdk_chat.problem import STOPPED, Closed, Problem
from rdk_chat.reply import Paced, Reply
from rdk_chat.settings import Settings
from rdk_chat.talk import MOST_PROMPT, Answer, Prompt, Talk

DONE = b"data: [DONE]\n\n"
DEEP = b"[" * 50_000
"""JSON in which Python's reader loses itself."""
HANGS_S = 20
"""What takes longer hangs."""


def talking(url: str, **settings: object) -> Talk:
    talk = Talk(replace(Settings(url=url, error_text=""), **settings))  # pyright: ignore[reportArgumentType]
    talk.open()
    return talk


def asked(talk: Talk, text: str, **more: object) -> Answer:
    with talk.enter() as place:
        return talk.answer(place, Prompt(text, **more))  # pyright: ignore[reportArgumentType]


def problem_of(answer: Answer) -> str:
    assert answer.problem is not None
    return answer.problem.code


def test_what_is_said_is_the_whole(parrot: Myna) -> None:
    talk, said = talking(parrot.url), list[str]()
    answer = asked(talk, "30 times every 5 ms word", say=said.append)
    assert answer == Answer("word " * 30, "completed")
    assert "".join(said) == answer.text
    assert len(said) > 1


def test_emotion_tags_and_what_ros_cannot_carry_are_left_out(parrot: Myna) -> None:
    assert asked(talking(parrot.url), "[Happy] Hi [Sad] there").text.split() == ["Hi", "there"]
    event = b'data: {"choices":[{"delta":{"content":"a\\u0000b\\ud800c"}}]}\n\n'
    with faulty(sends(HEAD, event, DONE)) as url:
        assert asked(talking(url), "Hi").text == "ab?c"


def test_what_went_before_is_told_until_it_is_reset() -> None:
    seen: list[bytes] = []
    with faulty(sends(HEAD, piece("Hello."), DONE), seen) as url:
        talk = talking(url, profile="fast", private=True)
        asked(talk, "Hi")
        asked(talk, "Again")
        talk.conversations.reset()
        asked(talk, "Anew")
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in seen]
    assert [[one["content"] for one in body["messages"]] for body in bodies] == [
        ["Hi"],
        ["Hi", "Hello.", "Again"],
        ["Anew"],
    ]
    assert bodies[0] | {"messages": []} == {
        "model": "myna/polly",
        "messages": [],
        "stream": True,
        "myna": {"private": True},
        "max_tokens": 256,
        "temperature": 0.5,
        "top_p": 0.9,
    }


@pytest.mark.parametrize(
    ("language", "persona"), [("", "assistant"), ("zh", "assistant-zh"), ("zh-CN", "assistant-zh"), ("en", "assistant")]
)
def test_without_a_persona_the_language_decides(parrot: Myna, language: str, persona: str) -> None:
    talk = talking(parrot.url, language=language)
    assert asked(talk, "Hi").outcome == "completed"
    assert talk.default == ((parrot.url, language), persona)


def test_who_is_not_there_is_refused(parrot: Myna) -> None:
    assert problem_of(asked(talking(parrot.url, language="fr"), "Hi")) == "refused"
    answer = asked(talking(parrot.url, persona="nobody"), "Hi")
    assert problem_of(answer) == "refused"
    assert "nobody" in str(answer.problem)


def test_prompts_that_cannot_be_answered(parrot: Myna) -> None:
    talk = talking(parrot.url)
    assert problem_of(asked(talk, " \n\t")) == "empty_prompt"
    assert problem_of(asked(talk, "x" * (MOST_PROMPT + 1))) == "too_long"
    assert asked(talk, "\ud800 \0 �").outcome == "completed"


REFUSAL = b'HTTP/1.1 %d No\r\ncontent-length: %d\r\n\r\n{"error":{"code":"c","message":"%s","hint":"Do this."}}'


def refusal(status: int, message: str) -> Fault:
    return sends(REFUSAL % (status, 50 + len(message), message.encode()))


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (refusal(503, "It loads."), "starting", ""),
        (refusal(401, "No key."), "wrong_key", ""),
        (refusal(403, "No."), "refused", ""),
        (refusal(500, "Broken."), "failed", ""),
        (sends(b"HTTP/1.1 502 Bad\r\ncontent-length: 6\r\n\r\n<html>"), "failed", ""),
        (sends(b"HTTP/1.1 502 Bad\r\ncontent-length: %d\r\n\r\n" % len(DEEP), DEEP), "failed", ""),
        (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), "not_myna", ""),
        (sends(), "cut_off", ""),
        (sends(JSON % (15, b"<html>Hi</html>")), "cut_off", ""),
        (sends(HEAD, b"data: <html>\n\n"), "not_myna", ""),
        (sends(HEAD, piece("Half"), b"data: " + DEEP + b"\n\n"), "not_myna", "Half"),
        (sends(HEAD, piece("Half")), "cut_off", "Half"),
        (sends(HEAD, piece("Half"), b'data: {"error":{"message":"It broke."}}\n\n'), "failed", "Half"),
        (sends(HEAD, piece("Half"), then_hangs=True), "timed_out", "Half"),
        (sends(then_hangs=True), "timed_out", ""),
        (babbles(b": still at it\n\n" * 100), "not_myna", ""),
        (sends(HEAD, b"x" * (3 << 20)), "not_myna", ""),
    ],
)
def test_a_server_at_fault_is_a_clear_problem(fault: Fault, code: str, text: str) -> None:
    with faulty(fault) as url:
        talk = talking(url, silence_timeout_s=1.0)
        answer = asked(talk, "Hi")
        assert (problem_of(answer), answer.text) == (code, text), answer
        assert str(answer.problem).endswith(".")
        assert talk.conversations.told("").messages == ()


def test_whoever_has_no_health_is_not_myna() -> None:
    with faulty(sends(JSON % (len(DEEP), DEEP))) as url, pytest.raises(Problem, match="no answer of Myna's"):
        health(Server(url))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whoever_reads_a_reply_hears_of_its_end_whatever_goes_wrong() -> None:
    def read(call: Call) -> Iterator[str]:
        yield "Half"
        raise ZeroDivisionError

    reply = Reply(Server("http://127.0.0.1:9"), read)
    assert reply.next(HANGS_S) == "Half"
    with pytest.raises(Problem, match="could not be read"):
        reply.next(HANGS_S)
    for thread in threading.enumerate():
        if thread.name == "reply":  # what it did not expect is told when it ends
            thread.join(HANGS_S)


def test_a_reply_that_does_not_end_is_stopped() -> None:
    with faulty(lambda line, over: (line.sendall(HEAD), babbles(b": alive\n\n")(line, over), None)[2]) as url:
        assert problem_of(asked(talking(url, reply_timeout_s=1.0), "Hi")) == "timed_out"
    with faulty(lambda line, over: (line.sendall(HEAD), babbles(piece("x" * 1000))(line, over), None)[2]) as url:
        assert problem_of(asked(talking(url), "Hi")) == "failed"


def test_nobody_there() -> None:
    with faulty(sends()) as url:
        pass
    assert problem_of(asked(talking(url), "Hi")) == "unreachable"
    for wrong in ("", "ftp://there", "http://", "http://[", "http://a:b", "http://name.invalid"):
        assert problem_of(asked(talking(wrong), "Hi")) == "unreachable", wrong


def test_https_that_nobody_vouches_for(parrot: Myna) -> None:
    assert problem_of(asked(talking(parrot.url.replace("http:", "https:")), "Hi")) == "unreachable"


def test_an_authority_that_cannot_be_read_is_told_by_the_name_of_its_parameter() -> None:
    answer = asked(talking("https://127.0.0.1:9", ca_file="/nowhere"), "Hi")
    assert answer.problem is not None
    assert "Correct ca_file" in answer.problem.message


def test_files_may_lie_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("myna-1\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert key_of("~/key", {}) == "myna-1"


def test_a_key_that_cannot_be_read_or_sent(parrot: Myna, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem_of(asked(talking(parrot.url, api_key_file="/nowhere"), "Hi")) == "wrong_key"
    monkeypatch.setenv("MYNA_API_KEY", "a\r\nb")
    assert problem_of(asked(talking(parrot.url), "Hi")) == "wrong_key"


def during(begun: Callable[[], bool], do: Callable[[], None]) -> threading.Thread:
    def later() -> None:
        ends_at = time.monotonic() + HANGS_S
        while not begun() and time.monotonic() < ends_at:
            time.sleep(0.01)
        do()

    thread = threading.Thread(target=later)
    thread.start()
    return thread


def test_a_cancel_ends_it_while_the_server_is_silent_and_keeps_what_had_come() -> None:
    gone = threading.Event()

    def chat(line: object, over: threading.Event) -> None:
        sends(HEAD, piece("Half"))(line, over)  # pyright: ignore[reportArgumentType]
        if line.recv(1) == b"":  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            gone.set()

    with faulty(chat) as url:
        talk, said, cancelled = talking(url, silence_timeout_s=600.0), list[str](), threading.Event()
        during(lambda: bool(said), cancelled.set)
        answer = asked(talk, "Hi", say=said.append, cancelled=cancelled.is_set)
        assert answer == Answer("Half", "cancelled")
        assert gone.wait(HANGS_S), "the server was not told"
        assert [one["content"] for one in talk.conversations.told("").messages] == ["Hi", "Half"]


def test_a_cancel_does_not_wait_until_the_next_piece_is_due() -> None:
    with faulty(sends(HEAD, piece("one "), piece("two"), DONE)) as url:
        talk, said, cancelled = talking(url), list[str](), threading.Event()
        during(lambda: bool(said), cancelled.set)
        begun = time.monotonic()
        answer = asked(talk, "Hi", say=said.append, period_s=3.0 * HANGS_S, cancelled=cancelled.is_set)
        assert time.monotonic() - begun < HANGS_S
        assert "".join(said) == answer.text


def test_closing_ends_what_runs_and_what_waits() -> None:
    with faulty(sends(HEAD, piece("Half"), then_hangs=True)) as url:
        talk, said, answers = talking(url), list[str](), list[Answer]()

        def ask() -> None:
            answers.append(asked(talk, "Hi", say=said.append))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        during(lambda: bool(said) and talk.turns.waiting == 2, lambda: talk.close(STOPPED)).join()
        for thread in threads:
            thread.join(HANGS_S)
        assert [answer.problem for answer in answers] == [STOPPED] * 3
        assert sorted(answer.text for answer in answers) == ["", "", "Half"]
        with pytest.raises(Problem, match="shutting down"):
            talk.enter()


def whole(call: Call) -> bytes:
    call.open("POST", "/v1/chat/completions", b"{}")
    return call.rest()


def test_a_call_is_ended_by_another_thread_at_any_moment() -> None:
    with faulty(sends(HEAD, then_hangs=True)) as url:
        for moment in range(20):
            with Call(Server(url, silence_s=600)) as call:
                threading.Timer(moment / 1000, call.close).start()
                with pytest.raises(Closed):
                    whole(call)


def test_pieces_that_come_too_fast_are_sent_together() -> None:
    sent: list[str] = []
    paced = Paced(0.05, sent.append)
    for letter in "abcdefgh":
        paced.add(letter)
    assert sent == ["a"]
    paced.finish()
    assert sent == ["a", "bcdefgh"]
    assert paced.due_s is None
