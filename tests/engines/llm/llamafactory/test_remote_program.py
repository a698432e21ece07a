"""The wrapper as it runs on the machine: the archive that is deployed, with the stand-in for LLaMA-Factory."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.engines.llm.llamafactory.machine import put_stand_in
from tests.engines.llm.llamafactory.record import SAID

from myna.engines.llm.llamafactory import remote
from myna.engines.llm.llamafactory.wrapper import PROTOCOL, archive

PATIENCE_S = 30.0


def prepared(folder: Path) -> Path:
    (folder / "model").mkdir()
    put_stand_in(folder)
    (folder / "wrapper.pyz").write_bytes(archive())
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("place"))


@pytest.fixture
def argument(place: Path) -> dict[str, Any]:
    (place / "model" / "loads").write_text("")
    cli = str(place / "llamafactory-cli")
    return {"base_model_path": str(place / "model"), "adapter_path": "", "template": "qwen", "cli_path": cli}


def command(place: Path, *words: str) -> list[str]:
    return [sys.executable, str(place / "wrapper.pyz"), *words]


def ask_once(place: Path, argument: dict[str, Any], **environ: str) -> "subprocess.CompletedProcess[str]":
    words = command(place, json.dumps(argument))
    env = os.environ | {"TMPDIR": str(place)} | environ
    return subprocess.run(
        words, capture_output=True, text=True, timeout=PATIENCE_S, env=env, check=False, stdin=subprocess.DEVNULL
    )


class Serving:
    """The wrapper with --serve, and its lines."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def tell(self, **request: object) -> None:
        assert self.process.stdin is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)

    def next(self, *kinds: str) -> dict[str, Any]:
        """The next line, which is of one of these types."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it has ended"
        event = json.loads(line)
        assert not kinds or event["type"] in kinds, event
        return event

    def ready(self) -> None:
        assert self.next("hello")["protocol"] == PROTOCOL
        self.next("loading")
        assert self.next("ready")["readline"] is True

    def answer(self) -> str:
        text = ""
        while (event := self.next("piece", "done"))["type"] == "piece":
            text += event["text"]
        return text

    def ask(self, message: str, system: str = "", history: list[dict[str, str]] | None = None) -> str:
        self.tell(type="generate", id=message, message=message, system=system, history=history or [])
        return self.answer()


@contextmanager
def serving(place: Path, argument: dict[str, Any], how: str = "--serve") -> Generator[Serving]:
    env = os.environ | {"TMPDIR": str(place)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command(place, how, "-"), stdin=pipe, stdout=pipe, text=True, env=env) as process:
        try:
            served = Serving(process)
            served.tell(**argument)
            yield served
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def runs(text: str) -> bool:
    found = subprocess.run(["pgrep", "-f", text], capture_output=True, check=False)
    return found.returncode == 0


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def test_one_question_gives_exactly_one_line(place: Path, argument: dict[str, Any]):
    done = ask_once(place, argument | {"message": "hello"})
    assert done.stdout == '{"role": "assistant", "content": "You said: hello."}\n'
    assert "all params" not in done.stdout
    assert "torch_dtype" in done.stderr


def test_one_question_with_history_and_system_tells_them_as_text(place: Path, argument: dict[str, Any]):
    history = [user("hi"), assistant("hello")]
    asked = argument | {"message": "messages", "system": "Be kind.", "history": history}
    content = json.loads(json.loads(ask_once(place, asked).stdout)["content"])[0]["content"]
    assert content == "Be kind.\n\nThe conversation so far:\nUser: hi\nAssistant: hello\n\nUser: messages"


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"cli_path": "no-such-cli"}, "cli_not_found", "no-such-cli: command not found"),
        ({"base_model_path": ""}, "bad_argument", "base_model_path"),
        ({"reply_pattern": "("}, "bad_argument", "reply_pattern"),
        ({"history": ["hi"]}, "bad_argument", "history"),
        ({"message": "strange"}, "no_reply", "Bot> ?"),
        ({"message": "die"}, "ended", "CUDA out of memory"),
        ({"message": "hang", "timeout_s": 0.3}, "timeout", "0.3 s"),
        ({"arguments": ["--says", "load error"]}, "load_failed", "no file named model.safetensors"),
        ({"arguments": ["--loads", "60"], "load_timeout_s": 0.5}, "load_timeout", "within 0.5 s"),
    ],
)
def test_what_goes_wrong_is_one_line_with_a_code(
    place: Path, argument: dict[str, Any], change: dict[str, Any], code: str, says: str
):
    done = ask_once(place, argument | {"message": "hello"} | change)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code
    assert says in error["message"]


def test_without_pexpect_it_says_so(place: Path, argument: dict[str, Any]):
    (place / "without").mkdir(exist_ok=True)
    (place / "without" / "pexpect.py").write_text("raise ImportError('No module named pexpect')")
    done = ask_once(place, argument | {"message": "hello"}, PYTHONPATH=str(place / "without"))
    assert json.loads(done.stdout)["error"]["code"] == "pexpect_missing"


@pytest.mark.parametrize("words", [[], ["{}", "{}"], ["no json"], ["[]"], ["--serve", "--api", "{}"]])
def test_a_wrong_command_line_is_told_in_one_line(place: Path, words: list[str]):
    done = subprocess.run(
        command(place, *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert json.loads(done.stdout.splitlines()[-1])["error"]["code"] == "bad_argument"


def test_the_model_is_loaded_once_and_a_conversation_goes_on(place: Path, argument: dict[str, Any]):
    with serving(place, argument) as served:
        served.ready()
        assert served.ask("one", "Be kind.") == "You said: Be kind.\n\none."
        history = [user("one"), assistant("You said: Be kind.\n\none.")]
        messages = json.loads(served.ask("messages", "Be kind.", history))
        assert [message["content"] for message in messages] == ["Be kind.\n\none", history[1]["content"], "messages"]
    assert (place / "model" / "loads").read_text() == "x"


def test_another_conversation_begins_without_the_old_one(place: Path, argument: dict[str, Any]):
    with serving(place, argument) as served:
        served.ready()
        served.ask("a secret")
        messages = json.loads(served.ask("messages", "", [user("other"), assistant("thing")]))
        assert len(messages) == 1
        assert "secret" not in messages[0]["content"]
        assert messages[0]["content"].endswith("User: other\nAssistant: thing\n\nUser: messages")


def test_after_clear_nothing_is_known(place: Path, argument: dict[str, Any]):
    with serving(place, argument) as served:
        served.ready()
        served.ask("one")
        served.tell(type="clear")
        assert len(json.loads(served.ask("messages", "", [user("one"), assistant("You said: one.")]))) == 1


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    """One that has loaded and is asked by several tests."""
    place = prepared(tmp_path_factory.mktemp("shared"))
    cli = str(place / "llamafactory-cli")
    given = {"base_model_path": str(place / "model"), "adapter_path": "", "template": "qwen", "cli_path": cli}
    with serving(place, given) as served:
        served.ready()
        yield served


@pytest.mark.parametrize(
    "message",
    [
        "exit",
        "clear",
        "two\nlines",
        "a\ttab",
        "ends\n\n",
        "x" * 9000,
        "你好" * 3000,
        "User: \nAssistant: ",
        "\x04\x03quit",
    ],
)
def test_every_message_arrives_whole_and_is_no_command(served: Serving, message: str):
    said = served.ask(message)
    meant = {"exit": "exit.", "clear": "clear.", "\x04\x03quit": "quit"}.get(message, message)
    assert said == f"You said: {meant}.".strip()
    assert served.ask("still there") == "You said: still there."


def test_log_lines_and_colours_in_a_reply_are_not_passed_on(served: Serving):
    assert served.ask("logs") == "Here it is, 你好。"


def test_a_model_that_writes_the_prompt_is_not_cut(served: Serving):
    assert served.ask("prompt") == "A chat:\nUser: hello\n\nUser: again\n\ndone"


def test_an_empty_reply_is_an_empty_reply(served: Serving):
    assert served.ask("silence") == ""
    assert served.ask("now") == "You said: now."


def test_pieces_come_as_they_are_written(served: Serving):
    served.tell(type="generate", id="1", message="slow")
    pieces = 0
    while served.next("piece", "done")["type"] == "piece":
        pieces += 1
    assert pieces > 5


@pytest.mark.parametrize("line", ["no json", "[]", '{"type": "dance"}', '{"type": "generate"}'])
def test_a_line_that_is_no_request_is_told_and_the_next_is_heard(served: Serving, line: str):
    assert served.process.stdin is not None
    print(line, file=served.process.stdin, flush=True)
    assert served.next("error")["error"]["code"] == "bad_argument"
    served.tell(type="ping")
    served.next("pong")


def test_a_cancelled_reply_is_written_to_its_end_unseen_and_the_next_is_answered(place: Path, argument: dict[str, Any]):
    with serving(place, argument) as served:
        served.ready()
        served.tell(type="generate", id="1", message="slow")
        served.next("piece")
        served.tell(type="cancel", id="1")
        served.tell(type="generate", id="2", message="messages")
        while (event := served.next("piece", "done"))["id"] == "1":
            assert event["type"] == "piece"
        text = event["text"] + served.answer()
        assert json.loads(text) == [user("messages")]
    assert (place / "model" / "loads").read_text() == "x"


def test_a_cancelled_reply_without_end_ends_the_process(place: Path, argument: dict[str, Any]):
    with serving(place, argument | {"drain_s": 0.2}) as served:
        served.ready()
        served.tell(type="generate", id="1", message="hang")
        served.tell(type="cancel", id="1")
        assert served.next("error")["error"]["code"] == "stuck"
        assert served.process.wait(PATIENCE_S) == 1


def test_a_second_question_has_to_wait_for_the_first(place: Path, argument: dict[str, Any]):
    with serving(place, argument) as served:
        served.ready()
        served.tell(type="generate", id="1", message="hang")
        served.tell(type="generate", id="2", message="me too")
        event = served.next("error")
        assert (event["id"], event["error"]["code"]) == ("2", "busy")


def test_a_question_that_is_cancelled_before_it_is_typed_does_not_stand_in_the_way(
    place: Path, argument: dict[str, Any]
):
    with serving(place, argument) as served:
        served.ready()
        served.ask("one")
        asked = {"type": "generate", "id": "2", "message": "two"}
        lines = [asked, {"type": "cancel", "id": "2"}, asked | {"id": "3", "message": "three"}]
        assert served.process.stdin is not None
        print(*map(json.dumps, lines), sep="\n", file=served.process.stdin, flush=True)
        assert served.answer() == "You said: three."


def test_a_history_that_is_not_forgotten_ends_the_process(place: Path, argument: dict[str, Any]):
    with serving(place, argument | {"arguments": ["--says", "never cleared"], "clear_s": 0.2}) as served:
        served.ready()
        served.ask("one")
        served.tell(type="generate", id="2", message="two")
        assert served.process.wait(PATIENCE_S) == 1
        assert served.next("error")["error"]["code"] == "stuck"


def test_letters_arrive_where_the_locale_that_is_named_is_not_there(place: Path, argument: dict[str, Any]):
    done = ask_once(place, argument | {"message": "你好, ça va"}, LC_ALL="xx_XX.UTF-8")
    assert json.loads(done.stdout)["content"] == "You said: 你好, ça va."


def test_when_standard_input_ends_nothing_is_left(place: Path, argument: dict[str, Any]):
    with serving(place, argument | {"arguments": ["--says", "child"]}) as served:
        served.ready()
        assert runs("sleep 1000.25")
        assert served.process.stdin is not None
        served.process.stdin.close()
        assert served.process.wait(PATIENCE_S) == 0
    assert not runs(str(place / "llamafactory-cli"))
    assert not runs("sleep 1000.25")


def test_when_nobody_writes_to_it_any_more_it_ends(place: Path, argument: dict[str, Any]):
    with serving(place, argument | {"idle_s": 1}) as served:
        served.ready()
        assert served.process.wait(PATIENCE_S) == 128 + signal.SIGALRM
    assert not runs(str(place / "llamafactory-cli"))


def test_when_the_wrapper_is_killed_the_terminal_hangs_up_on_what_it_started(place: Path, argument: dict[str, Any]):
    with serving(place, argument) as served:
        served.ready()
        served.process.kill()
    wait_until(lambda: not runs(str(place / "llamafactory-cli")))


def test_two_do_not_load_at_a_time(place: Path, argument: dict[str, Any]):
    slow = argument | {"arguments": ["--loads", "0.5"]}
    with serving(place, slow) as one, serving(place, slow) as other:
        one.next("hello")
        one.next("loading")
        other.next("hello")
        other.next("loading")
        first = next(each for each in (one, other) if each.next("ready"))
        assert first is one
        assert len((place / "model" / "loads").read_text()) <= 2
        other.next("ready")


def test_what_the_real_one_wrote_is_understood(place: Path, argument: dict[str, Any]):
    recorded = Path(__file__).parent / "recordings" / "chat_0_9_5.json"
    hello, again, _, chinese = SAID
    reply = "Hello! How can I assist you today?"
    with serving(place, argument | {"arguments": ["--replays", str(recorded)]}) as served:
        served.ready()
        assert served.ask(hello) == reply
        assert served.ask(again, "", [user(hello), assistant(reply)]) == reply
        assert served.ask(chinese) == "你好！有什么我可以帮忙的吗？"


def test_api_is_ready_when_its_port_is(place: Path, argument: dict[str, Any]):
    with serving(place, argument | {"api_key": "secret"}, "--api") as served:
        served.next("hello")
        served.next("loading")
        assert served.next("ready")["port"] > 0
        served.process.terminate()
        served.process.wait(PATIENCE_S)
    assert not runs(str(place / "llamafactory-cli"))


def test_api_that_does_not_load_says_why(place: Path, argument: dict[str, Any]):
    with serving(place, argument | {"arguments": ["--says", "load error"]}, "--api") as served:
        served.next("hello")
        served.next("loading")
        assert "no file named model.safetensors" in served.next("error")["error"]["message"]


@pytest.mark.parametrize("file", sorted(Path(remote.__file__).parent.glob("*.py")), ids=lambda file: file.name)
def test_it_is_written_for_an_old_python(file: Path):
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"removeprefix", "removesuffix", "pairwise", "process_time_ns"}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) if not node.level}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names) | {"__future__"}


def test_an_old_python_says_so_in_one_line(place: Path):
    program = "import runpy, sys; sys.version_info = (3, 6, 9); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    words = [sys.executable, "-c", program, str(place / "wrapper.pyz"), "--serve", "-"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    told = json.loads(done.stdout)
    assert (told["type"], told["error"]["code"]) == ("error", "old_python")
    assert "is 3.6." in told["error"]["message"]


def test_the_archive_is_the_same_each_time():
    assert archive() == archive()
