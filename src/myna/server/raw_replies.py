"""What the model wrote, found again by what was shown of it.

A client that keeps the history itself, as OpenAI's API has it, sends back what it was shown: display text. With the
emotion tags missing, the model loses the habit of writing them, and the prompt is another than the one whose KV cache
the LLM server holds.
"""

from collections import OrderedDict

MOST_CHARACTERS = 1 << 20
"""Of all that is kept; some thousand replies."""


class RawReplies:
    """The raw text of the newest replies of a process."""

    def __init__(self, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most_characters
        self._characters = 0
        self._raw: OrderedDict[tuple[str, str], str] = OrderedDict()

    def keep(self, persona_id: str, display: str, raw: str) -> None:
        """Keep what a reply of a persona's was; the oldest make room for it."""
        key = (persona_id, display.strip())
        self._forget(key)
        self._raw[key] = raw
        self._characters += len(key[1]) + len(raw)
        while self._characters > self._most:
            self._forget(next(iter(self._raw)))

    def of(self, persona_id: str, display: str) -> str:
        """What the model wrote when this was shown; the same text if nobody knows."""
        return self._raw.get((persona_id, display.strip()), display)

    def _forget(self, key: tuple[str, str]) -> None:
        if (raw := self._raw.pop(key, None)) is not None:
            self._characters -= len(key[1]) + len(raw)
