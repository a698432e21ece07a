"""Thinking that the model writes into its answer is taken out."""

import re

BLOCKS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),  # DeepSeek-R1, Qwen3 and most others
    ("<thinking>", "</thinking>"),  # what prompts ask for
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss: all up to its final channel
)

_CLOSE_OF: dict[str, str] = dict(BLOCKS)
_MARKS = tuple(mark for block in BLOCKS for mark in block)
_LONGEST = max(map(len, _MARKS))
_MARK = re.compile("|".join(map(re.escape, _MARKS)), re.IGNORECASE | re.ASCII)
_CLOSE = {close: re.compile(re.escape(close), re.IGNORECASE | re.ASCII) for _, close in BLOCKS}


class Thinking:
    """Takes thinking out of a reply, in whatever pieces it comes.

    A block that is never closed is thinking to its end. A closing mark without an opening one is taken out alone. White
    space after a block that begins the reply goes with it. At most a mark's length is held back.

    Args:
        starts_inside: The reply begins inside a block, since the prompt's template has opened it.
    """

    def __init__(self, *, starts_inside: bool = False) -> None:
        self._inside = BLOCKS[0][1] if starts_inside else ""  # the mark that ends the block, or empty
        self._held = ""
        self._began = False

    @property
    def inside(self) -> bool:
        """Whether a block is open."""
        return bool(self._inside)

    def feed(self, piece: str) -> str:
        """What of the reply is now known to be no thinking; may be empty."""
        text = self._held + piece
        place = 0
        answer: list[str] = []
        while mark := (_CLOSE[self._inside] if self._inside else _MARK).search(text, place):
            if not self._inside:
                answer.append(self._outside(text[place : mark.start()]))
            self._inside = "" if self._inside else _CLOSE_OF.get(_as_listed(mark[0]), "")
            place = mark.end()
        end = _held_from(text, place)
        if not self._inside:
            answer.append(self._outside(text[place:end]))
        self._held = text[end:]
        return "".join(answer)

    def finish(self) -> str:
        """What was held back, if it is no thinking."""
        held, self._held = self._held, ""
        return "" if self._inside else self._outside(held)

    def _outside(self, text: str) -> str:
        if not self._began:
            text = text.lstrip()
            self._began = bool(text)
        return text


def _as_listed(found: str) -> str:
    return next(mark for mark in _MARKS if mark.lower() == found.lower())


def _held_from(text: str, place: int) -> int:
    """Where in ``text`` a mark may have begun that the next piece completes; its length if nowhere."""
    for start in range(max(place, len(text) - _LONGEST + 1), len(text)):
        if text[start] in "<[" and any(mark.lower().startswith(text[start:].lower()) for mark in _MARKS):
            return start
    return len(text)
