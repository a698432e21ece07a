"""Whether a call takes its values from what was said: small models make some up, or copy those of their examples."""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import cast

from myna.core.tools import ToolSpec, json_object
from myna.engines.llm.said_numbers import late_hours, numbers_said
from myna.engines.llm.tool_examples import examples_of

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_WORD = re.compile(r"[^\W\d_\u4e00-\u9fff]{3,}")
_ALIKE = 0.7
"""How like two words have to be (`difflib`) for one to be the other, misspelt: towelpaste and toothpaste."""


def adds(arguments: str, said: str, made: Sequence[str]) -> bool:
    """Whether a call takes something from what was ``said`` that no call before it has taken.

    ``arguments`` are a JSON object; ``made`` are those of the calls before it. More of what one of them has taken is
    nothing new.
    """
    said = said.casefold()
    taken = {value.casefold() for each in made for value in _values(each)}
    return any(_is_new(value, said, taken) for value in map(str.casefold, _values(arguments)))


def chooses_another(tool: ToolSpec, arguments: str, said: str, made: Sequence[tuple[str, str]]) -> bool:
    """Whether a call has a listed value that may be translated, and that no call of its tool before it has."""
    listed = {each for each in _listed(tool.parameters) if isinstance(each, str)}
    taken = {value for name, before in made if name == tool.name for value in _values(before)}
    return any(
        value in listed and value not in taken and _may_be_translated(value, said) for value in _values(arguments)
    )


def _is_new(value: str, said: str, taken: Collection[str]) -> bool:
    if value in taken:
        return False
    if _is_number(value):
        return _is_said(value, said) and all(float(value) != float(text) for text in taken if _is_number(text))
    texts = [text for text in taken if not _is_number(text)]
    return value in said and not any(value in text or text in value for text in texts)


def untouched(clauses: Sequence[str], made: Sequence[str]) -> list[str]:
    """The clauses that no call has taken a value from.

    Which of several a call without values is for cannot be told, so it leaves all; one whose values are none of theirs
    is for the first.
    """
    left = list(clauses)
    for arguments in made:
        has_values = any(_values(arguments))
        for clause in touched(left, arguments) or left[: 1 if has_values or len(clauses) == 1 else 0]:
            left.remove(clause)
    return left


def touched(clauses: Sequence[str], arguments: str) -> list[str]:
    """The clauses that a call has taken a value from; ``arguments`` are a JSON object."""
    values = [value.casefold() for value in _values(arguments)]
    return [clause for clause in clauses if _has_part_in(values, clause.casefold())]


def _has_part_in(values: Sequence[str], clause: str) -> bool:
    """Whether a call has a text of a clause, or its numbers: all that are written in digits, or any other."""
    if any(_touches(value, clause) for value in values if not _is_number(value)):
        return True
    numbers = {float(value) for value in values if _is_number(value)}
    return bool(numbers & numbers_meant(clause)) and {float(digits) for digits in _DIGITS.findall(clause)} <= numbers


def _touches(value: str, clause: str) -> bool:
    if value.isascii():
        return clause in value or re.search(rf"(?<![a-z0-9]){re.escape(value)}(?![a-z0-9])", clause) is not None
    return value in clause or clause in value


def _is_said(number: str, said: str) -> bool:
    return float(number) in numbers_meant(said)


def is_invented(tool: ToolSpec, arguments: str, said: str) -> bool:
    """Whether all texts in a call come from the tool's examples, or from nowhere: then nobody has asked for it.

    An echo of all that was said is no value. Where a text is in another script, it may be translated; values that the
    schema lists say nothing. Numbers count where there are no texts: those of the examples are invented if nothing was
    counted.
    """
    said = said.casefold()
    values = _free(tool, arguments)
    texts = [value for value in values if not _is_number(value)]
    if not texts:
        return bool(values) and set(values) <= _shown(tool) and not numbers_said(said)
    if any(sorted(_letters(echo.casefold())) == sorted(_letters(said)) for echo in (*texts, "".join(texts))):
        return True
    return len(made_up(tool, arguments, said)) == len(texts)


def is_copied(tool: ToolSpec, arguments: str, said: str) -> bool:
    """Whether all values of a call are those of the tool's examples, and none of them was said."""
    values = _free(tool, arguments)
    unsaid = not any(_is_taken(value, said.casefold()) for value in values) and not numbers_said(said)
    return bool(values) and set(values) <= _shown(tool) and unsaid


def copied(tool: ToolSpec, arguments: str, said: str) -> list[str]:
    """The texts in a call that are those of the tool's examples, and were not said."""
    shown = _shown(tool)
    return [text for text in made_up(tool, arguments, said) if text in shown]


def numbers_meant(said: str) -> frozenset[float]:
    """The numbers that a message may mean, hours of the evening as on a 24-hour clock as well."""
    return numbers_said(said) | {*late_hours(said).values()}


def mistaken_number(tool: ToolSpec, arguments: str, said: str) -> bool:
    """Whether a call has a number that nobody said, while one that was said is not in it.

    A number that nobody said may be meant: a week has seven days.
    """
    numbers = {float(value) for value in _free(tool, arguments) if _is_number(value)}
    left = numbers_said(said) - numbers
    return bool(numbers - numbers_meant(said)) and any(number == int(number) for number in left)


def spelt_as_said(tool: ToolSpec, arguments: str, said: str) -> str:
    """A call's arguments with each word that was not said as one that was, and is much like it; no other changes."""
    words = _WORD.findall(said)
    by_letters = {word.casefold(): word for word in words}
    given = dict(json_object(arguments))
    listed = {str(each) for each in _listed(tool.parameters)}
    for name, value in given.items():
        if not isinstance(value, str) or not value.isascii() or not value.isalpha() or value in listed:
            continue
        if not _is_taken(value, said.casefold()):
            like = get_close_matches(value.casefold(), by_letters, 1, _ALIKE)
            given[name] = by_letters[like[0]] if like else value
    return json.dumps(given, ensure_ascii=False) if given != json_object(arguments) else arguments


def made_up(tool: ToolSpec, arguments: str, said: str) -> list[str]:
    """The texts in a call that come from the tool's examples, or from nowhere; see `is_invented`."""
    said, shown = said.casefold(), _shown(tool)
    texts = [value for value in _free(tool, arguments) if not _is_number(value)]
    return [
        text for text in texts if not _is_taken(text, said) and (text in shown or not _may_be_translated(text, said))
    ]


def _free(tool: ToolSpec, arguments: str) -> list[str]:
    """The texts and numbers in a call that the schema does not list."""
    listed = {str(each) for each in _listed(tool.parameters)}
    return [value for value in _values(arguments) if value not in listed]


def _shown(tool: ToolSpec) -> set[str]:
    return {text for example in examples_of(tool) for text in _values(json.dumps(example.arguments))}


def _values(arguments: str) -> Iterator[str]:
    """The texts and numbers in a JSON object, as they are written."""
    found: list[object] = [json.loads(arguments)]
    while found:
        value = found.pop()
        if isinstance(value, dict):
            found += cast("dict[str, object]", value).values()
        elif isinstance(value, list):
            found += cast("list[object]", value)
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
            yield str(value)


def _listed(schema: object) -> Iterator[object]:
    """All values that a schema lists."""
    found: list[object] = [schema]
    while found:
        value = found.pop()
        if isinstance(value, dict):
            each = cast("dict[str, object]", value)
            choices = each.get("enum")
            yield from cast("list[object]", choices) if isinstance(choices, list) else ()
            yield from (each[key] for key in ("const", "default") if key in each)
            found += each.values()
        elif isinstance(value, list):
            found += cast("list[object]", value)


def _is_number(text: str) -> bool:
    return text.replace(".", "").lstrip("-").isdigit()


def _is_taken(text: str, said: str) -> bool:
    """Whether a text, or a word of it, is in what was said."""
    text = text.casefold()
    pairs = (text[at : at + 2] for at in range(len(text) - 1) if _CHINESE.match(text[at]))
    return any(part in said for part in (text, *_WORD.findall(text), *pairs))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _may_be_translated(text: str, said: str) -> bool:
    return bool(_CHINESE.search(text)) != bool(_CHINESE.search(said))
