"""Tokens to text, a token at a time. Pure.

A character may be spread over several tokens (a Chinese one over two or three), and some tokenizers write a token
differently at the beginning of a text. So a few tokens are decoded together, and what the ones before were is taken
off: as in Hugging Face's text-generation-inference.
"""

from collections.abc import Callable, Sequence

BROKEN = "\ufffd"
"""What stands for bytes that are no whole character."""

LONGEST_CHARACTER = 4
"""A character has no more bytes, and a token one at least: bytes that go on for longer were never to be one."""


class Detokenizer:
    """Takes the tokens of one answer; gives text that never ends within a character.

    Args:
        decode: The text of tokens.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._before: list[int] = []
        self._waiting: list[int] = []

    def feed(self, token: int) -> str:
        """The text that is whole now; often none."""
        self._waiting.append(token)
        text = self._text()
        if text.endswith(BROKEN) and len(self._waiting) < LONGEST_CHARACTER:
            return ""
        self._before, self._waiting = self._waiting, []
        return text

    def finish(self) -> str:
        """What waited, without the beginning of a character that did not come to its end."""
        text = self._text() if self._waiting else ""
        self._waiting = []
        return text.rstrip(BROKEN)

    def _text(self) -> str:
        before = self._decode(self._before) if self._before else ""
        return self._decode([*self._before, *self._waiting])[len(before) :]
