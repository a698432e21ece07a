"""The question of the first start, on a terminal of its own."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_recommend import DESKTOP, outlook

from myna.cli import offer
from myna.cli.offer import offer_larger_set
from myna.cli.recommend import Outlook
from myna.weights.catalog import load_catalog
from myna.weights.machine import Machine
from myna.weights.recommend import Reach

EVERYTHING: Reach = {"hf": "", "pypi": ""}
QUESTION = b"Fetch standard? [y/N]"


class Terminal:
    """A terminal: what is said on it is kept, and ``answer`` is typed once `QUESTION` is there."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self.answer: bytes | None = None
        self.said = b""
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while select.select([self.ours], [], [], 0.05)[0] or not self._ended.is_set():
            if select.select([self.ours], [], [], 0)[0]:
                self.said += os.read(self.ours, 4096)
            if self.answer is not None and QUESTION in self.said:
                os.write(self.ours, self.answer)
                self.answer = None

    def close(self) -> None:
        self._ended.set()
        self._reader.join()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


Ask = Callable[..., tuple[str | None, str]]


@pytest.fixture
def ask(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks on a terminal, of somebody with this machine; gives the set, and what was said."""

    def ask_(answer: bytes | None, *, machine: Machine = DESKTOP, reach: Reach = EVERYTHING) -> tuple[str | None, str]:
        def look_around(*_: object) -> Outlook:
            assert machine is DESKTOP, "the sources are asked though this machine runs no larger set"
            return outlook(reach, machine)

        terminal = Terminal()
        terminal.answer = answer
        try:
            with (
                open(terminal.theirs, closefd=False) as stdin,
                open(terminal.theirs, "w", closefd=False) as stderr,
                monkeypatch.context() as patch,
            ):
                patch.setattr(sys, "stdin", stdin)
                patch.setattr(sys, "stderr", stderr)
                patch.setattr(offer, "look", lambda: machine)
                patch.setattr(offer, "look_around", look_around)
                chosen = offer_larger_set({})
        finally:
            terminal.close()
        return chosen, terminal.said.decode()

    assert home.is_dir()
    return ask_


def written(home: Path) -> object:
    return tomllib.loads((home / "myna.toml").read_text())


@pytest.mark.parametrize("answer", [b"y\n", b"YES\n", "好\n".encode()])
def test_who_says_yes_gets_the_larger_set_and_is_told_size_license_and_source(ask: Ask, home: Path, answer: bytes):
    chosen, said = ask(answer)
    assert chosen == "standard"
    for told in ("8 cores", "2.7 GB to fetch", "qwen2.5-3b-instruct, whisper-small", "forbids commercial use"):
        assert told in said
    assert "Hugging Face: answers" in said
    assert written(home) == {"weights": {"set": "standard"}}


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"what?\n", b"\x04"], ids=["Enter", "no", "other", "Ctrl-D"])
def test_any_other_answer_is_the_starter_set(ask: Ask, home: Path, answer: bytes):
    chosen, said = ask(answer)
    assert chosen == "starter"
    assert "To change that: myna models use standard" in said
    assert written(home) == {"weights": {"set": "starter"}}


def test_no_answer_is_the_starter_set(ask: Ask, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offer, "ANSWER_S", 0.3)
    chosen, _ = ask(None)
    assert chosen == "starter"
    assert written(home) == {"weights": {"set": "starter"}}


def test_it_asks_once(ask: Ask):
    assert ask(b"n\n")[0] == "starter"
    assert ask(b"y\n") == (None, "")


def test_a_small_machine_is_not_asked_and_neither_is_any_source(ask: Ask, home: Path):
    chosen, said = ask(None, machine=Machine(1, 8 * 10**9, 6 * 10**9, 9e9))
    assert chosen is None
    assert "Fetch" not in said
    assert not (home / "myna.toml").exists()


def test_where_no_source_has_more_nobody_is_asked(ask: Ask, home: Path):
    chosen, said = ask(None, reach={"hf": "out of reach", "pypi": ""})
    assert chosen is None
    assert "Fetch" not in said
    assert not (home / "myna.toml").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MYNA_WEIGHTS__SET", "starter"),
        ("MYNA_LLM__MODEL", "mine.gguf"),
        ("MODEL_PATH", "whisper-base"),
        ("LLAMA_BASE", "http://127.0.0.1:1"),
    ],
)
def test_who_has_said_something_about_models_is_not_asked(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(name, value)
    assert ask(None) == (None, "")


def test_who_has_fetched_something_is_not_asked(ask: Ask, home: Path):
    (model,) = load_catalog().expand(["silero-vad"])
    file = home / "cache" / "weights" / "silero-vad" / model.files[0].path
    file.parent.mkdir(parents=True)
    with file.open("wb") as out:
        out.truncate(model.files[0].size)
    assert ask(None) == (None, "")


def test_where_the_answer_cannot_be_kept_it_holds_for_this_run(ask: Ask, home: Path):
    (home / "myna.toml").write_text("weights = { idle_s = 30.0 }\n")
    chosen, said = ask(b"y\n")
    assert "There is no plain place for weights.set" in said
    assert chosen == "standard"


OFFER = """
from tests.cli.test_recommend import DESKTOP, outlook
from myna.cli import offer
offer.ANSWER_S = 60
offer.look = lambda: DESKTOP
offer.look_around = lambda *_: outlook({"hf": "", "pypi": ""})
print("chosen:", offer.offer_larger_set({}))
"""


def environ() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root}


def test_a_program_is_not_asked(home: Path):
    done = subprocess.run(
        [sys.executable, "-c", OFFER], env=environ(), input="y\n", capture_output=True, text=True, check=False
    )
    assert done.stdout == "chosen: None\n"
    assert done.stderr == ""
    assert not (home / "myna.toml").exists()


SHELL = """
import os, pty, subprocess, sys
child, terminal = pty.fork()
if child == 0:
    subprocess.run([sys.executable, "-c", sys.argv[1]], process_group=0, timeout=30)
    os._exit(0)
try:
    while said := os.read(terminal, 4096):
        os.write(1, said)
except OSError:  # the terminal is gone
    os.waitpid(child, 0)
"""


def test_a_job_in_the_background_of_a_shell_is_not_asked(home: Path):
    done = subprocess.run(
        [sys.executable, "-c", SHELL, OFFER],
        env=environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "chosen: None\n"
    assert not (home / "myna.toml").exists()


def test_ctrl_c_ends_it_and_nothing_is_kept(home: Path):
    terminal = Terminal()
    child = subprocess.Popen(
        [sys.executable, "-c", OFFER],
        env=environ(),
        stdin=terminal.theirs,
        stdout=subprocess.PIPE,
        stderr=terminal.theirs,
        text=True,
    )
    try:
        while QUESTION not in terminal.said:
            assert child.poll() is None, terminal.said
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=30)
    finally:
        child.kill()
        child.communicate()
        terminal.close()
    assert child.returncode == -signal.SIGINT
    assert said == ""
    assert not (home / "myna.toml").exists()
