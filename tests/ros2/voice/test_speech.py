"""What is said as it is."""

import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.end_to_end.parrot import LETTER_MS, serving_parrot
from tests.end_to_end.processes import Server
from tests.ros2.voice_line import LIMIT_S, lined

from myna_ros import player, speech
from myna_ros.news import Up
from myna_ros.player import Sound
from myna_ros.settings import Settings
from myna_ros.speech import LONGEST, MOST_LEFT, SPEECH_RATE, Speech


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_parrot(tmp_path_factory.mktemp("parrot")) as server:
        yield server


def test_nothing_is_lost_of_what_is_longer_than_a_player_holds(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "LONGEST_S", 2.0)
    monkeypatch.setattr(speech, "AHEAD_S", 1.0)
    text = "aeiou " * 16
    spoken_ms = len(text.replace(" ", "")) * LETTER_MS
    faults: list[str] = []
    settings = Settings(url=server.url, greeting=False)
    with lined(settings) as (line, told):
        told.wait(Up)
        assert not Speech(settings, line.order, faults.append).say(text, "")
        ends_at = time.monotonic() + LIMIT_S
        while (played_ms := played(told.of(Sound))) < spoken_ms and time.monotonic() < ends_at:
            time.sleep(0.05)
        assert (faults, line.unheard_ms) == ([], 0)
        assert played_ms >= spoken_ms


def played(sounds: list[Sound]) -> float:
    """Milliseconds."""
    return sum(len(sound.pcm) for sound in sounds) / 2 / SPEECH_RATE * 1000


def test_what_was_stopped_does_not_keep_the_next_text_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(url=f"ws://127.0.0.1:{silent.getsockname()[1]}")
        faults: list[str] = []
        says = Speech(settings, lambda _: True, faults.append)
        for _ in range(MOST_LEFT):
            assert not says.say("aeiou", "")
            assert "still being said" in says.say("aeiou", "")
            says.stop()
        assert "has not answered" in says.say("aeiou", "")
        assert says.say(" ", "")
        assert says.say("x" * (LONGEST + 1), "")
    assert not faults


@contextmanager
def speaking(paths: list[str]) -> Generator[str]:
    """A stand-in behind a proxy: it keeps what is asked for, and answers with a second of silence."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(bytes(SPEECH_RATE * 2))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as standing_in:
        threading.Thread(target=standing_in.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{standing_in.server_port}/robots/v1/realtime?room=1"
        standing_in.shutdown()


def test_the_server_is_asked_where_the_socket_is_and_a_lost_line_is_told() -> None:
    paths: list[str] = []
    faults: list[str] = []
    told = threading.Event()

    def fault(why: str) -> None:
        faults.append(why)
        told.set()

    with speaking(paths) as url:
        assert not Speech(Settings(url=url), lambda _: False, fault).say("aeiou", "")
        assert told.wait(LIMIT_S)
    assert paths == ["/robots/v1/audio/speech?room=1"]
    assert "was lost" in faults[0]
