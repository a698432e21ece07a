"""What goes into a terminal and what comes out of it, as plain text. Pure: feed a piece, get a piece."""

from __future__ import annotations

import codecs
import re

SEPARATOR = " | "
"""Stands for a line break where there is no GNU readline to type one into."""
QUOTED_INSERT = "\x16"

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LEVEL = "|".join(LEVELS)
LOG_LINE = re.compile(rf"\[(?:{_LEVEL})\|[^\]\n]{{1,200}}\][^\n]*? >> [^\n]*\n")
LOG_BEGUN = re.compile(rf"\[(?:{_LEVEL})\|[^\]\n]{{0,200}}(?:\][^\n]{{0,4000}})?$")
"""What LLaMA-Factory and transformers log: ``[INFO|2026-01-31 12:00:00] llamafactory.x:1 >> text``."""

ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()*+][0-9A-Za-z]|[0-9=>A-OQ-WYZ\\^_a-z])"
)
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[()*+])?$")
LONGEST_ESCAPE = 256
UNWANTED = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)))


class Screen:
    """What a terminal is sent as plain text: escapes, control characters and log lines go, however it is cut."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._escape = ""
        self._line = ""

    def feed(self, data: bytes) -> str:
        """The next of the text; what may still become something else is kept back."""
        text = self._escape + self._decode(data)
        begun = UNFINISHED.search(text)
        at = begun.start() if begun and len(text) - begun.start() <= LONGEST_ESCAPE else len(text)
        text, self._escape = self._line + ESCAPE.sub("", text[:at]), text[at:]
        at = len(text) - text.endswith("\r")
        text, self._line = text[:at], text[at:]
        text = LOG_LINE.sub("", text.replace("\r\n", "\n").translate(UNWANTED))
        begun = LOG_BEGUN.search(text)
        at = begun.start() if begun else text.rfind("[")
        if begun or (at >= 0 and any(f"{level}|".startswith(text[at + 1 :]) for level in LEVELS)):
            text, self._line = text[:at], text[at:] + self._line
        return text


def typed(text: str, *, readline: bool) -> bytes:
    """What to type so that a message arrives as it is, as a single one, and as no command.

    GNU readline takes a line break or a tab after Ctrl-V as text. Elsewhere a line break would end the message.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(UNWANTED)
    if text.strip() in {"exit", "clear"}:
        text = text.strip() + "."
    if readline:
        text = text.replace("\n", f"{QUOTED_INSERT}\n").replace("\t", f"{QUOTED_INSERT}\t")
    else:
        text = text.strip("\n").replace("\n", SEPARATOR).replace("\t", " ")
    return f"{text}\n".encode("utf-8", "replace")


def opening(system: str, history: list[dict[str, str]], message: str) -> str:
    """The first message of a conversation: `llamafactory-cli chat` takes no system message and no history."""
    parts = [system] if system else []
    if history:
        said = [f"{'Assistant' if m['role'] == 'assistant' else 'User'}: {m['content']}" for m in history]
        parts += ["The conversation so far:\n" + "\n".join(said), f"User: {message}"]
    else:
        parts.append(message)
    return "\n\n".join(parts)


def answered(text: str, prompt: str) -> int:
    """How many characters surely belong to the reply: the line breaks before what may become the prompt do not."""
    line = text.rfind("\n") + 1
    return len(text[:line].rstrip("\n")) if line and prompt.startswith(text[line:]) else len(text)
