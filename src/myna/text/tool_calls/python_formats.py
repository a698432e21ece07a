"""Calls as Python: a list of calls (Llama 3.2 and 4), ``name.call(…)`` (Llama 3.1), a fence (Gemma)."""

import ast
import json
import re
from collections.abc import Iterator

from myna.text.tool_calls.calls import BrokenCall, FoundCall
from myna.text.tool_calls.format import Format, Tools
from myna.text.tool_calls.openings import Part, blanks, either, follow, identifier, maybe, sure, word
from myna.text.tool_calls.source import Reading, Source
from myna.text.tool_calls.written_calls import as_python

_LONGEST = 20_000  # Python's own parser is slow, and recursive
_LITERALS = {"true": True, "false": False, "null": None}


def _one_call(tools: Tools) -> Part:
    argument = follow(identifier, blanks, word("="))
    return follow(word(*tools), maybe(word(".call")), word("("), blanks, either(word(")"), argument))


def _read_code(source: Source) -> Reading[None]:
    """A list of calls, or calls behind one another."""
    while (yield from source.sees(follow(blanks, either(word("["), follow(identifier, word("(")))))):
        yield from source.skip_blanks()
        name = yield from source.takes(identifier)
        code = name + (yield from source.code())
        calls = [*_calls(code)]
        raw = source.cut()
        if not calls or None in calls:
            yield BrokenCall(name.removesuffix(".call") or _first_name(code), code, raw)
            continue
        for call in filter(None, calls):
            yield FoundCall(*call, raw)
            raw = ""
        if (yield from source.sees(follow(blanks, word(",", ";")))):
            yield from source.skip_blanks()
            yield from source.takes(word(",", ";"))


def _first_name(code: str) -> str | None:
    found = re.match(r"\[\s*([\w.\-]+)\(", code)
    return found[1] if found else None


def _calls(code: str) -> Iterator[tuple[str, str] | None]:
    """Each call's name and arguments; None for what is no call with plain values. Nothing if this is no Python."""
    if len(code) > _LONGEST:
        return
    try:
        parsed = ast.parse(as_python(code), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in parsed.elts if isinstance(parsed, (ast.List, ast.Tuple)) else [parsed]:
        yield _call(node)


def _call(node: ast.expr) -> tuple[str, str] | None:
    if not isinstance(node, ast.Call) or node.args:
        return None
    try:
        values = {each.arg or "": _value(each.value) for each in node.keywords}
        return ast.unparse(node.func).removesuffix(".call"), json.dumps(values, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        return None


def _value(node: ast.expr) -> object:
    if isinstance(node, ast.Name) and node.id in _LITERALS:
        return _LITERALS[node.id]
    return ast.literal_eval(node)


_ENDS = word("<|eom_id|>", "<|eot_id|>", "</tool_call>")


def _list_opening(tools: Tools) -> Part:
    return follow(word("["), blanks, _one_call(tools))


def _read_list(source: Source, _tools: Tools) -> Reading[None]:
    yield from _read_code(source)
    yield from source.takes(follow(blanks, _ENDS))


PYTHON_LIST = Format("Python list", _list_opening, _read_list, "[", plain=True)

_TAG = word("<|python_tag|>", "<tool_call>")


def _tagged_opening(tools: Tools) -> Part:
    return follow(_TAG, sure, blanks, either(_list_opening(tools), _one_call(tools)))


def _read_tagged(source: Source, tools: Tools) -> Reading[None]:
    yield from source.takes(_TAG)
    yield from source.skip_blanks()
    yield from _read_list(source, tools)


LLAMA_PYTHON = Format("Llama 3, Python", _tagged_opening, _read_tagged, "<")

_FENCE = word("```tool_code", "```tool_call")


def _fence_opening(tools: Tools) -> Part:
    printed = maybe(word("print("))
    return follow(_FENCE, blanks, printed, either(_list_opening(tools), _one_call(tools)))


def _read_fence(source: Source, _tools: Tools) -> Reading[None]:
    if (yield from source.takes(_FENCE)):
        yield from source.skip_blanks()
    yield from source.takes(word("print("))
    yield from _read_code(source)
    yield from source.skip_strays()
    yield from source.takes(word(")"))
    yield from source.skip_blanks()
    yield from source.takes(word("```"))


GEMMA = Format("Gemma", _fence_opening, _read_fence, "`")
