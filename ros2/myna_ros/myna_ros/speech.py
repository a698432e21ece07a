"""Says a text as it is: the server's speech, fetched in a thread and put where replies are played."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from myna_ros.connection import NoConnection, read_key, trusted
from myna_ros.line import Order
from myna_ros.pcm import BYTES_PER_SAMPLE, Resampler, from_bytes, to_bytes
from myna_ros.settings import PATH, BadAddress, Settings, address

SPEECH_PATH = "/v1/audio/speech"

SPEECH_RATE = 24_000
"""Sample rate in Hz of what the server makes."""

LONGEST = 2_000
"""Characters."""

MOST_LEFT = 4
"""Requests under way: that of a text, and of others that were stopped before the server had answered."""

PATIENCE_S = 30.0
AHEAD_S = 5.0
"""How much waits to be played. The rest waits on the server, since a player holds no more than two minutes."""

PIECE = SPEECH_RATE // 5 * BYTES_PER_SAMPLE
"""Bytes that are read at a time, 0.2 s."""


class Speech:
    """One text at a time.

    Args:
        settings: Whom to reach, and how.
        order: As of the line.
        fault: Is told what went wrong, in whatever thread.
    """

    def __init__(self, settings: Settings, order: Callable[[Order], bool], fault: Callable[[str], None]) -> None:
        self._settings = settings
        self._order = order
        self._fault = fault
        self._stopped = threading.Event()
        self._thread = threading.Thread()  # of the newest text
        self._places = threading.BoundedSemaphore(MOST_LEFT)

    def say(self, text: str, voice: str) -> str:
        """Begin; why not, in a sentence, or "" if it has begun."""
        if not text.strip():
            return "There is nothing to say."
        if len(text) > LONGEST:
            return f"The text has {len(text)} characters; {LONGEST} are the most."
        if self._thread.is_alive() and not self._stopped.is_set():
            return "Something else is still being said."
        if not self._places.acquire(blocking=False):
            return "The server has not answered what was asked before."
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(text, voice, self._stopped), name="myna say", daemon=True
        )
        self._thread.start()
        return ""

    def stop(self) -> None:
        """Say no more of it."""
        self._stopped.set()

    def _run(self, text: str, voice: str, stopped: threading.Event) -> None:
        try:
            self._fetch(text, voice, stopped)
        except (OSError, http.client.HTTPException, NoConnection, BadAddress, ValueError) as error:
            if not stopped.is_set():
                self._fault(f"A text could not be said: {error}")
        finally:
            self._places.release()

    def _fetch(self, text: str, voice: str, stopped: threading.Event) -> None:
        settings = self._settings
        server = urlsplit(address(settings.url))
        headers = {"Content-Type": "application/json"}
        if key := read_key(settings.api_key_file):
            headers["Authorization"] = f"Bearer {key}"
        host, port = server.hostname or "", server.port
        if server.scheme == "wss":
            context = trusted(settings.ca_file)
            connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        path = urlunsplit(("", "", server.path.removesuffix(PATH) + SPEECH_PATH, server.query, ""))
        try:
            body = {"model": "myna", "input": text, "response_format": "pcm"} | ({"voice": voice} if voice else {})
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise NoConnection(f"the server answered {answer.status}: {answer.read(500).decode(errors='replace')}")
            self._play(answer, stopped)
        finally:
            connection.close()

    def _play(self, answer: http.client.HTTPResponse, stopped: threading.Event) -> None:
        rate = self._settings.audio_out_sample_rate
        resampler = Resampler(SPEECH_RATE, rate) if rate != SPEECH_RATE else None
        begun_s, ordered_s = time.monotonic(), 0.0
        while not stopped.is_set() and (piece := answer.read(PIECE)):
            pcm = to_bytes(resampler.feed(from_bytes(piece))) if resampler else piece
            if not self._order(lambda dialogue, now_s, pcm=pcm: dialogue.play(pcm, stopped, now_s)):
                raise NoConnection("the connection was lost")
            ordered_s += len(piece) / BYTES_PER_SAMPLE / SPEECH_RATE
            stopped.wait(max(0.0, begun_s + ordered_s - AHEAD_S - time.monotonic()))
