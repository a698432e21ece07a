"""The utterances that are over and wait for their text. Called by the session's owner alone.

They are told in their order, so each waits for those before it. What was spoken live does not wait for longer than an
ASR may take for it: who said it is told that it was not heard, and speaks again. What was sent faster than real time is
a recording: it waits for as long as the ASR takes.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio

from myna.core.errors import Busy
from myna.session.notes import FinalHeard, HearingFailed, Note
from myna.session.recognition import Recognition

LAGS = 4
"""So many utterances wait for the ASR when no more audio should be fed, if it can wait."""

MOST = 80
"""How many may wait at all: what comes live in a minute, and what was on its way when the ASR began to lag."""

LEFT = 0.25
"""Of the time that an ASR may take, what has to be left when it is asked at last: in less it hears nothing."""


@dataclass(slots=True)
class Waiting:
    """Those of one session.

    Attributes:
        hear_s: How long one that was spoken live waits.
    """

    hear_s: float
    _queue: deque[Recognition] = field(default_factory=deque[Recognition])

    def __iter__(self) -> Iterator[Recognition]:
        """The oldest first."""
        return iter(self._queue)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._queue)

    def add(self, recognition: Recognition, *, live: bool) -> None:
        """One that is over, and was spoken ``live`` or is part of a recording."""
        recognition.waits_since = anyio.current_time() if live else None
        if recognition.failed is None and recognition.final is None and len(self._queue) >= MOST:
            recognition.fail(Busy("Too many utterances wait to be heard.", hint="Speak again in a while."))
        self._queue.append(recognition)

    def tell(self, asked: Recognition | None) -> list[Note]:
        """What was said, in order, as far as it is known; the ASR is being ``asked`` about one of them."""
        notes: list[Note] = []
        while self._queue:
            first = self._queue[0]
            if first is not asked and first.waited_s(anyio.current_time()) > (1 - LEFT) * self.hear_s:
                first.give_up(Busy("So much waits to be heard that this was not heard in time.", hint="Say it again."))
            if first.failed is not None:
                notes.append(HearingFailed(first.turn_id, first.utterance_id, first.failed))
            elif first.final is not None:
                notes.append(FinalHeard(first.turn_id, first.utterance_id, first.final))
            else:
                break
            self._queue.popleft()
        return notes
