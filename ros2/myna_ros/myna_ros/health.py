"""What `/diagnostics` tells."""

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

FAULT_S = 30.0
"""How long it is told that something went wrong."""


class Health:
    """How the node is.

    Args:
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self.state = "offline"
        self.silent = ""
        """That there is no audio; "" if there is."""
        self.bad_audio = 0
        """Messages that were left out."""
        self._url = url
        self._fault = ""
        self._fault_at_s = 0.0
        self._answers = ""
        self._why = "Connecting."
        self._lost_ms = 0.0
        self._unheard_ms = 0.0

    @property
    def fault(self) -> str:
        """What went wrong a moment ago."""
        return self._fault if time.monotonic() - self._fault_at_s < FAULT_S else ""

    def failed(self, fault: str) -> None:
        """Something went wrong."""
        self._fault, self._fault_at_s = fault, time.monotonic()

    def up(self, answers: str) -> None:
        """There is a connection."""
        self._answers, self._why = answers, ""

    def down(self, why: str) -> bool:
        """There is none; whether there was one before."""
        was_up = not self._why
        self._why, self._answers = why, ""
        return was_up

    def heard_lost(self, lost_ms: float, unheard_ms: float) -> None:
        """So much audio found no room, on its way to the server and from it."""
        self._lost_ms, self._unheard_ms = lost_ms, unheard_ms

    @property
    def message(self) -> str:
        """In a sentence."""
        return self._why or self.fault or self.silent or "Connected."

    def status(self, name: str) -> Any:
        """As ROS tools read it."""
        level = DiagnosticStatus.OK
        if self.fault or self.silent:
            level = DiagnosticStatus.WARN
        if self._why:
            level = DiagnosticStatus.ERROR
        values = {
            "url": self._url,
            "answers": self._answers,
            "state": self.state,
            "last fault": self.fault,
            "audio left out": f"{self.bad_audio} messages",
            "audio lost": f"{self._lost_ms:.0f} ms",
            "reply lost": f"{self._unheard_ms:.0f} ms",
        }
        pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
        return DiagnosticStatus(level=level, name=f"{name}: voice", message=self.message, hardware_id="", values=pairs)
