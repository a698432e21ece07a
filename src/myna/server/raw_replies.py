"""What the model wrote and had done, found again by what was shown of it.

A client that keeps the history itself, as OpenAI's API has it, sends back what it was shown: display text. With the
emotion tags missing, the model loses the habit of writing them, and the prompt is another than the one whose KV cache
the LLM server holds. What the server's tools gave stays in the server, too: without it the model would not know what
its own words were about, nor what it had asked the user to allow.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from myna.core.messages import ToolCallMessage, ToolResultMessage

MOST_CHARACTERS = 1 << 21
"""Of all texts that are kept; some thousand replies."""
MOST_OF_TOOLS = 1 << 22
"""In characters, of all calls and results that are kept."""

LARGEST = 8
"""An entry may take this part of all there is, an eighth; a larger one would push out what many others need."""

ENTRY = 500
"""In characters, about what an entry takes besides its texts, and so does each message."""

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class RawReplies:
    """The newest replies of a process."""

    def __init__(self, most_characters: int = MOST_CHARACTERS, most_of_tools: int = MOST_OF_TOOLS) -> None:
        self._raw: _Newest[tuple[str, str], str] = _Newest(most_characters)
        self._work: _Newest[bytes, Work] = _Newest(most_of_tools)

    def keep(self, persona_id: str, display: str, raw: str) -> None:
        """Keep what a reply of a persona's was; the oldest make room for it."""
        key = (persona_id, display.strip())
        self._raw.put(key, raw, ENTRY + len(key[1]) + len(raw))

    def of(self, persona_id: str, display: str) -> str:
        """What the model wrote when this was shown; the same text if nobody knows."""
        return self._raw.get((persona_id, display.strip())) or display

    def keep_work(self, led_to: bytes, display: str, work: "Work") -> None:
        """Keep what the server's tools did in a reply; ``led_to`` tells the conversation that it answered."""
        if work:
            self._work.put(_key(led_to, display), tuple(work), ENTRY + sum(map(_size, work)))

    def work(self, led_to: bytes, display: str) -> "Work":
        """What they did in the reply that showed this; nothing if nobody knows."""
        return self._work.get(_key(led_to, display)) or ()


Work = Sequence[ToolCallMessage | ToolResultMessage]
"""Calls of the server's tools and their results, in their order."""


def _key(led_to: bytes, display: str) -> bytes:
    """As long for a long reply as for a short one."""
    return hashlib.sha256(led_to + hashlib.sha256(display.strip().encode(errors="replace")).digest()).digest()


def _size(message: ToolCallMessage | ToolResultMessage) -> int:
    texts = (
        (message.call.id, message.call.name, message.call.arguments)
        if isinstance(message, ToolCallMessage)
        else (message.call_id, message.output)
    )
    return ENTRY + sum(map(len, texts))


class _Newest(Generic[KeyT, ValueT]):
    """The newest values, of so many characters in all; none that takes more than its part (`LARGEST`)."""

    def __init__(self, most_characters: int) -> None:
        self._most = most_characters
        self._characters = 0
        self._kept: OrderedDict[KeyT, tuple[ValueT, int]] = OrderedDict()

    def put(self, key: KeyT, value: ValueT, characters: int) -> None:
        self._forget(key)
        if characters * LARGEST > self._most:
            return
        self._kept[key] = value, characters
        self._characters += characters
        while self._characters > self._most:
            self._forget(next(iter(self._kept)))

    def get(self, key: KeyT) -> ValueT | None:
        value, _ = self._kept.get(key, (None, 0))
        return value

    def _forget(self, key: KeyT) -> None:
        if (known := self._kept.pop(key, None)) is not None:
            self._characters -= known[1]
