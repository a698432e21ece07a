"""Says a text as it is: the server's speech, fetched in a thread and put where replies are played."""

import http.client
import json
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from myna_ros.connection import NoConnection, read_key
from myna_ros.line import Order
from myna_ros.pcm import Resampler, from_bytes, to_bytes
from myna_ros.settings import BadAddress, Settings, address

SPEECH_RATE = 24_000
"""Sample rate in Hz of what the server makes."""

LONGEST = 2_000
"""Characters."""

PATIENCE_S = 30.0
PIECE = SPEECH_RATE // 5 * 2
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
        self._busy = threading.Lock()

    def say(self, text: str, voice: str) -> str:
        """Begin; why not, in a sentence, or "" if it has begun."""
        if not text.strip():
            return "There is nothing to say."
        if len(text) > LONGEST:
            return f"The text has {len(text)} characters; {LONGEST} are the most."
        if not self._busy.acquire(blocking=False):
            return "Something else is still being said."
        self._stopped = threading.Event()
        threading.Thread(target=self._run, args=(text, voice, self._stopped), name="myna say", daemon=True).start()
        return ""

    def stop(self) -> None:
        """Say no more of it."""
        self._stopped.set()

    def _run(self, text: str, voice: str, stopped: threading.Event) -> None:
        try:
            self._fetch(text, voice, stopped)
        except (OSError, http.client.HTTPException, NoConnection, BadAddress, ValueError) as error:
            self._fault(f"A text could not be said: {error}")
        finally:
            self._busy.release()

    def _fetch(self, text: str, voice: str, stopped: threading.Event) -> None:
        settings = self._settings
        server = urlsplit(address(settings.url))
        headers = {"Content-Type": "application/json"}
        if key := read_key(settings.api_key_file):
            headers["Authorization"] = f"Bearer {key}"
        host, port = server.hostname or "", server.port
        if server.scheme == "wss":
            trusted = ssl.create_default_context(cafile=settings.ca_file or None)
            connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=trusted)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        try:
            body = {"model": "myna", "input": text, "response_format": "pcm"} | ({"voice": voice} if voice else {})
            connection.request("POST", "/v1/audio/speech", json.dumps(body), headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                told = answer.read(500).decode(errors="replace")
                self._fault(f"A text could not be said: the server answered {answer.status}: {told}")
                return
            rate = settings.audio_out_sample_rate
            resampler = Resampler(SPEECH_RATE, rate) if rate != SPEECH_RATE else None
            while (piece := answer.read(PIECE)) and not stopped.is_set():
                pcm = to_bytes(resampler.feed(from_bytes(piece))) if resampler else piece
                self._order(lambda dialogue, now_s, pcm=pcm: dialogue.play(pcm, now_s))
        finally:
            connection.close()
