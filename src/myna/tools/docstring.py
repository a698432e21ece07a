"""What a docstring tells a model of a function: what it does, and what its parameters are. Google style."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass

from docstring_parser import DocstringStyle, ParseError, parse

from myna.core.errors import BadInput

# Sections and colons as a Chinese input method writes them; docstring_parser knows the English ones.
_SECTIONS = (
    (re.compile(r"^[ \t]*(?:参数|参数说明)[ \t]*[:：][ \t]*$", re.MULTILINE), "Args:"),
    (re.compile(r"^[ \t]*(?:返回|返回值)[ \t]*[:：][ \t]*$", re.MULTILINE), "Returns:"),
    (re.compile(r"^[ \t]*(?:异常|抛出)[ \t]*[:：][ \t]*$", re.MULTILINE), "Raises:"),
)
_COLON = re.compile(r"^([ \t]+\*{0,2}\w+(?:[ \t]*[(（][^()（）\n]*[)）])?)[ \t]*：[ \t]*", re.MULTILINE)

_BRACKETS = str.maketrans("（）", "()")


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a function does, and its parameters' descriptions by their names."""

    description: str
    parameters: Mapping[str, str]


def read_docstring(text: str | None) -> Docstring:
    """A docstring in Google style; what it does is all that stands before its sections.

    Raises:
        BadInput: There is none, or it cannot be read.
    """
    if not text or not text.strip():
        raise BadInput("has no docstring.", hint="Say in it what the function does: the model decides by that.")
    plain = inspect.cleandoc(text)
    for section, english in _SECTIONS:
        plain = section.sub(english, plain)
    plain = _COLON.sub(lambda line: f"{line[1].translate(_BRACKETS)}: ", plain)
    if re.match(r"[A-Z][a-z]+:\n", plain):
        raise BadInput("has a docstring that does not say what it does.", hint="Begin it with a sentence that does.")
    try:
        parsed = parse(plain, style=DocstringStyle.GOOGLE)
    except ParseError as error:
        raise BadInput(
            f"has a docstring that cannot be read: {error}.", hint="Write a line like location: The city. under Args:"
        ) from error
    description = "\n\n".join(part for part in (parsed.short_description, parsed.long_description) if part)
    described = {each.arg_name: _one_line(each.description or "") for each in parsed.params if each.args[0] == "param"}
    return Docstring(description, {name: text for name, text in described.items() if text})


def _one_line(text: str) -> str:
    return " ".join(text.split())
