"""`myna talk` in a room with a real sound server, where the microphone hears the loudspeaker too."""

import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.end_to_end.processes import MYNA, Home, Server
from tests.end_to_end.voices import heard_meanwhile, spoken
from tests.room import LOUD, Room, is_over, open_room

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples

pytestmark = [pytest.mark.models, pytest.mark.long]

ECHO = 0.3
GREETING = "What can I do for you?"
LIMIT_S = 180


@dataclass
class Talk:
    """One that goes on. What was shown and played counts from the last question on."""

    room: Room
    process: "subprocess.Popen[bytes]"
    log: Path
    recorded: Callable[[], Samples]
    _shown: int = 0
    _recorded: int = 0

    def ask(self, samples: Samples) -> None:
        """Say something, and stay until it is said."""
        self._shown, self._recorded = len(self.log.read_text()), len(self.recorded())
        with self.room.say(samples) as saying:
            assert saying.wait(LIMIT_S) == 0

    def shown(self) -> str:
        return self.log.read_text()[self._shown :]

    def played(self) -> Samples:
        return self.recorded()[self._recorded :]

    def wait(self, holds: Callable[[], bool]) -> None:
        ends_at = time.monotonic() + LIMIT_S
        while not holds():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends_at, self.log.read_text()
            time.sleep(0.05)

    def is_quiet(self) -> bool:
        """Whether the loudspeaker has said something, and says no more."""
        return is_over(self.played())


@pytest.fixture
def room() -> Iterator[Room]:
    with open_room(echo=ECHO) as room:
        yield room


@contextmanager
def talking(room: Room, home: Home, folder: Path) -> Generator[Talk]:
    """With the English assistant, who has greeted."""
    log = folder / "talk.log"
    with log.open("wb") as out, room.recording() as recorded:
        process = subprocess.Popen(
            [MYNA, "talk", "--persona", "assistant", "--set", "llm.temperature=0"],
            cwd=home.folder,
            env=home.environ | dict(room.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            talk = Talk(room, process, log, recorded)
            talk.wait(lambda: GREETING in talk.shown())
            talk.wait(talk.is_quiet)
            yield talk
            process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT_S) in {0, 130}, log.read_text()
        finally:
            process.kill()
            process.wait()


def test_who_asks_is_answered_aloud_and_the_echo_is_not_heard(
    room: Room, home: Home, steady: Server, tmp_path: Path
) -> None:
    with talking(room, home, tmp_path) as talk:
        assert "You:" not in talk.shown(), "it heard its own greeting"
        talk.ask(spoken(steady.url, "What is the capital of France?"))
        talk.wait(lambda: "Paris" in talk.shown())
        talk.wait(talk.is_quiet)
        assert talk.shown().count("You:") == 1, talk.shown()
        assert "Paris" in heard_meanwhile(steady.url, talk.played(), "en")


def test_who_speaks_over_a_reply_stops_it_and_is_answered(
    room: Room, home: Home, steady: Server, tmp_path: Path
) -> None:
    with talking(room, home, tmp_path) as talk:
        talk.ask(spoken(steady.url, "Tell me a long story about a lighthouse."))
        talk.wait(lambda: bool(np.count_nonzero(np.abs(talk.played()) > LOUD) > HEARING_RATE // 2))
        talk.ask(spoken(steady.url, "Stop, stop. What is the capital of Italy?"))
        talk.wait(lambda: "Rome" in talk.shown())
        talk.wait(talk.is_quiet)
        before, asked, after = talk.shown().partition("You:")
        assert asked
        assert " …" in before, "the reply was not interrupted"
        assert "lighthouse" not in after
