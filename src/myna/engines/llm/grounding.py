"""Whether a call takes its values from what was said: small models make some up, or copy those of their examples."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import cast

from myna.core.tools import ToolSpec
from myna.engines.llm.tool_examples import examples_of

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"[^\W\d_\u4e00-\u9fff]{3,}")


def adds(arguments: str, said: str, made: Sequence[str]) -> bool:
    """Whether a call takes something from what was ``said`` that no call before it has taken.

    ``arguments`` are a JSON object; ``made`` are those of the calls before it.
    """
    said, taken = said.casefold(), " ".join(made).casefold()
    return any(value in said and value not in taken for value in map(str.casefold, _values(arguments)))


def is_invented(tool: ToolSpec, arguments: str, said: str) -> bool:
    """Whether all texts in a call come from the tool's examples, or from nowhere: then nobody has asked for it.

    Where a text is in another script than what was said, it may be translated; values that the schema lists, and
    numbers, say nothing.
    """
    said = said.casefold()
    listed = {str(each) for each in _listed(tool.parameters)}
    shown = {text for example in examples_of(tool) for text in _values(json.dumps(example.arguments))}
    texts = [text for text in _values(arguments) if text not in listed and not _is_number(text)]
    return bool(texts) and not any(
        _is_taken(text, said) or (text not in shown and _may_be_translated(text, said)) for text in texts
    )


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
            found += each.values()
        elif isinstance(value, list):
            found += cast("list[object]", value)


def _is_number(text: str) -> bool:
    return text.replace(".", "").lstrip("-").isdigit()


def _is_taken(text: str, said: str) -> bool:
    """Whether a text, or a word of it, is in what was said; an echo of all that was said takes nothing."""
    text = text.casefold()
    if _letters(text) == _letters(said):
        return False
    pairs = (text[at : at + 2] for at in range(len(text) - 1) if _CHINESE.match(text[at]))
    return any(part in said for part in (text, *_WORD.findall(text), *pairs))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _may_be_translated(text: str, said: str) -> bool:
    return bool(_CHINESE.search(text)) != bool(_CHINESE.search(said))
