"""The line to the server, without a robot behind it."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.end_to_end.parrot import serving_parrot
from tests.end_to_end.processes import Server
from tests.ros2.voice_line import lined
from websockets.sync.server import ServerConnection, serve

from myna_ros.news import Fault, Reply, Up
from myna_ros.settings import Settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_parrot(tmp_path_factory.mktemp("parrot")) as server:
        yield server


def test_who_is_nobody_does_not_answer_and_the_one_before_goes_on(server: Server) -> None:
    with lined(Settings(url=server.url, persona="polly", greeting=False)) as (line, told):
        first = told.wait(Up)
        line.switch("nobody")
        assert "nobody" in told.wait(Fault).message
        again = told.wait(Up, 2)
        assert (again.answers, again.conversation) == ("myna/polly", first.conversation)
        line.order(lambda dialogue, now_s: dialogue.ask("aeiou", now_s))
        assert told.wait(Reply) == Reply("aeiou")
        line.switch("")
        assert told.wait(Up, 3).conversation != first.conversation


def test_another_rate_is_told_before_the_first_sound_of_it() -> None:
    """Against a stand-in, since the order of what comes is the point."""
    kept: list[dict[str, Any]] = []

    def talk(socket: ServerConnection) -> None:
        socket.send(json.dumps({"type": "session.created", "session": {"model": "myna/polly"}}))
        kept.extend(map(json.loads, socket))

    with serve(talk, "127.0.0.1", 0) as standing_in:
        threading.Thread(target=standing_in.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{standing_in.socket.getsockname()[1]}"
        with lined(Settings(url=url)) as (line, told):
            told.wait(Up)
            for number in range(200):
                rate = (8_000, 16_000)[number % 2]
                line.hear(rate, bytes([rate // 8_000]) * 320)
                time.sleep(0.002)
            ends_at = time.monotonic() + 60
            while len(kept) < 200 and time.monotonic() < ends_at:
                time.sleep(0.01)
        standing_in.shutdown()
    rate, heard = 0, list[int]()
    for message in kept:
        if message["type"] == "session.update":
            rate = message["session"]["audio"]["input"]["format"]["rate"]
        else:
            sound = base64.b64decode(message["audio"])
            assert set(sound) == {rate // 8_000}
            heard.append(rate)
    assert {8_000, 16_000} <= set(heard)
