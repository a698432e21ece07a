"""What was said before, so that Myna knows it. It lives as long as the node does."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

MOST_MESSAGES = 200
MOST_CHARACTERS = 100_000

Message = Mapping[str, str]
"""``role`` and ``content``."""


@dataclass(frozen=True)
class Told:
    """What went before, and in which conversation that was."""

    messages: tuple[Message, ...]
    client: str | None
    began: int


class Conversations:
    """The conversations of one node.

    When one grows too long, its older half is forgotten at once: bit by bit it would begin anew in each turn, and Myna
    would have to read all of it each time.

    Args:
        policy: ``node``: all share one. ``client``: each client that has a name has one, and others none. ``none``.
    """

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self._said: dict[str, list[Message]] = {}
        self._began = 0

    def told(self, client: str) -> Told:
        """What went before for this client; the empty name is whoever has none."""
        with self._lock:
            key = self._key(client)
            return Told(tuple(self._said.get(key, ())) if key is not None else (), key, self._began)

    def add(self, told: Told, prompt: str, reply: str) -> None:
        """Remember what was said after ``told``, unless all was forgotten in between."""
        with self._lock:
            if told.client is None or told.began != self._began:
                return
            said = self._said.setdefault(told.client, [])
            said += [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
            while len(said) > MOST_MESSAGES or sum(len(one["content"]) for one in said) > MOST_CHARACTERS:
                del said[: max(2, len(said) // 4 * 2)]

    def reset(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._said.clear()
            self._began += 1

    def _key(self, client: str) -> str | None:
        if self._policy == "node":
            return ""
        return client or None if self._policy == "client" else None
