"""The sockets of ``myna serve``, with the starter models."""

import json
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

import httpx
import pytest
from tests.end_to_end.processes import Server
from tests.engines.recordings import needs_recordings, recording
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from myna.core.audio import HEARING_RATE
from myna.engines.samples import to_pcm16

pytestmark = pytest.mark.models

FRAME_S = 0.02
FRAME_BYTES = int(2 * HEARING_RATE * FRAME_S)


def opened(server: Server, path: str) -> Connection:
    return connect(f"{server.url.replace('http', 'ws')}{path}", compression=None, proxy=None)


def rest(socket: Connection) -> list[dict[str, Any]]:
    """What comes until the server closes."""
    messages: list[dict[str, Any]] = []
    try:
        while True:
            messages.append(json.loads(socket.recv(timeout=120)))
    except ConnectionClosed:
        return messages


@needs_recordings
def test_a_recorded_sentence_comes_as_partials_while_it_is_said_and_as_one_final(server: Server) -> None:
    said = recording("SSB01120364.wav")
    pcm = to_pcm16(said.samples) + bytes(2 * HEARING_RATE * 2)
    with opened(server, "/ws") as socket:
        socket.send('{"op": "config", "sampleRate": 16000, "language": "zh"}')
        for at in range(0, len(pcm), FRAME_BYTES):
            socket.send(pcm[at : at + FRAME_BYTES])
            time.sleep(FRAME_S)
        socket.send('{"op": "end"}')
        messages = rest(socket)
        assert socket.close_code == 1000
    finals = [message for message in messages if message["type"] == "final" and message["text"]]
    assert {message["type"] for message in messages[:-2]} == {"partial"}
    (final,) = finals
    assert SequenceMatcher(None, final["text"], said.text).ratio() > 0.6
    seconds = len(said.samples) / HEARING_RATE
    assert 0 <= final["segments"][0]["start"] < final["segments"][-1]["end"] <= seconds + 0.5


def test_ctrl_c_closes_the_sockets_with_1012_and_the_server_ends(start: Callable[..., Server]) -> None:
    server = start()
    server.wait_ready()
    with opened(server, "/ws") as hears, opened(server, "/v1/realtime") as talks:
        server.wait(lambda: httpx.get(f"{server.url}/health").json()["sessions"]["live"] == 2)
        status = server.stop()
        rest(hears)
        rest(talks)
        assert (hears.close_code, talks.close_code) == (1012, 1012)
    assert status == 0
    assert "Traceback" not in server.log.read_text()
