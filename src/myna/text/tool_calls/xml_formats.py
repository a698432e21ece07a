"""Calls as XML, whose values are plain text: what they mean, the schema of the tool says."""

import json
from dataclasses import dataclass

from myna.core.tools import JSON
from myna.text.tool_calls.calls import BrokenCall, FoundCall
from myna.text.tool_calls.format import Format, Tools
from myna.text.tool_calls.named_formats import called_name, read_arguments
from myna.text.tool_calls.openings import Part, blanks, either, follow, identifier, maybe, sure, word
from myna.text.tool_calls.plain_values import argument_value
from myna.text.tool_calls.source import Reading, Source


@dataclass(frozen=True, slots=True)
class Elements:
    """How the elements are written.

    Attributes:
        call: Stands before the tool's name, ``call_named`` behind it.
        call_end: Ends the call.
        argument: Stands before a parameter's name, ``argument_named`` between that and the value.
        argument_end: Ends the value; models may forget it before the next of these elements in a line of its own.
        section: May stand around the calls, with ``section_end``.
    """

    call: str
    call_named: str
    call_end: str
    argument: str
    argument_named: str
    argument_end: str
    section: tuple[str, ...] = ()
    section_end: tuple[str, ...] = ()


def xml(name: str, elements: Elements) -> Format:
    """The format of models that write calls as XML. JSON in place of the parameters is read as well."""
    section = word(*elements.section)
    section_end = word(*elements.section_end)
    call = word(elements.call)
    named = word(elements.call_named)
    call_end = word(elements.call_end)
    argument = word(elements.argument)
    json_begins = word("{", "(")

    def opening(_tools: Tools) -> Part:
        body = follow(identifier, maybe(named), blanks, either(argument, json_begins, call_end))
        return either(follow(section, sure, blanks, call, body), follow(call, sure, body))

    def read(source: Source, tools: Tools) -> Reading[None]:
        if (yield from source.takes(section)):
            yield from source.skip_blanks()
        while (yield from source.takes(call)):
            called = called_name((yield from source.takes(identifier)), tools)
            yield from source.takes(named)
            yield from source.skip_blanks()
            if (yield from source.sees(json_begins)):
                yield from read_arguments(source, called)
                yield from source.skip_strays()
                yield from source.takes(call_end)
            else:
                yield from _read_elements(source, elements, called, tools.get(called or "", {}))
            if (yield from source.sees(follow(blanks, call))):
                yield from source.skip_blanks()
        yield from source.takes(follow(blanks, section_end))

    return Format(name, opening, read, "<")


def _read_elements(source: Source, elements: Elements, name: str | None, schema: JSON) -> Reading[None]:
    ends = (elements.argument_end, f"\n{elements.argument}", f"\n{elements.call_end}")
    values: dict[str, object] = {}
    mark = ""
    while mark == f"\n{elements.argument}" or (yield from source.takes(word(elements.argument))):
        parameter, _ = yield from source.until(elements.argument_named)
        written, mark = yield from source.until(*ends)
        if not mark:
            return (yield _cut_off(source, name, values, parameter, written))
        if not source.too_long:
            values[parameter.strip()] = argument_value(_inner(written), schema, parameter.strip())
        if mark == elements.argument_end:
            yield from source.skip_blanks()
    ended = mark.endswith(elements.call_end) or bool((yield from source.takes(word(elements.call_end))))
    yield _whole(source, name, values) if name and ended else _cut_off(source, name, values)


def _whole(source: Source, name: str, values: dict[str, object]) -> FoundCall:
    return FoundCall(name, json.dumps(values, ensure_ascii=False), source.cut())


def _cut_off(
    source: Source, name: str | None, values: dict[str, object], last: str = "", begun: str = ""
) -> BrokenCall:
    """A call of which this came: whole values, and the beginning of a last one."""
    written = json.dumps({**values, last.strip(): begun.lstrip("\n")} if last else values, ensure_ascii=False)
    return BrokenCall(name, written[:-2] if last else written[:-1], source.cut())


def _inner(written: str) -> str:
    """A value without the line breaks that stand around it."""
    return written.removeprefix("\n").removesuffix("\n")


QWEN_CODER = xml(
    "Qwen3-Coder",
    Elements(
        call="<function=",
        call_named=">",
        call_end="</function>",
        argument="<parameter=",
        argument_named=">",
        argument_end="</parameter>",
        section=("<tool_call>",),
        section_end=("</tool_call>",),
    ),
)
"""Llama's and Functionary's ``<function=name>{…}</function>`` as well."""

MINIMAX = xml(
    "MiniMax",
    Elements(
        call='<invoke name="',
        call_named='">',
        call_end="</invoke>",
        argument='<parameter name="',
        argument_named='">',
        argument_end="</parameter>",
        section=("<minimax:tool_call>", "<function_calls>"),
        section_end=("</minimax:tool_call>", "</function_calls>"),
    ),
)

_ARG_KEY = word("<arg_key>")
_TOOL_CALL = word("<tool_call>")
_TOOL_CALL_END = word("</tool_call>")


def _glm_opening(tools: Tools) -> Part:
    known = follow(word(*tools), blanks, either(_TOOL_CALL_END, word("{")))
    return follow(_TOOL_CALL, sure, blanks, either(follow(identifier, blanks, _ARG_KEY), known))


def _read_glm(source: Source, tools: Tools) -> Reading[None]:
    yield from source.takes(_TOOL_CALL)
    yield from source.skip_blanks()
    name = called_name((yield from source.takes(identifier)), tools)
    schema: JSON = tools.get(name or "", {})
    values: dict[str, object] = {}
    yield from source.skip_blanks()
    if (yield from source.sees(word("{"))):
        yield from read_arguments(source, name)
        yield from source.skip_strays()
        yield from source.takes(_TOOL_CALL_END)
        return None
    while (yield from source.takes(_ARG_KEY)):
        key, _ = yield from source.until("</arg_key>")
        yield from source.skip_blanks()
        yield from source.takes(word("<arg_value>"))
        written, mark = yield from source.until("</arg_value>", "\n</tool_call>")
        if not mark:
            return (yield _cut_off(source, name, values, key, written))
        if not source.too_long:
            values[key.strip()] = argument_value(written, schema, key.strip())
        yield from source.skip_blanks()
    ended = yield from source.takes(_TOOL_CALL_END)
    yield _whole(source, name, values) if name and ended else _cut_off(source, name, values)


GLM = Format("GLM-4.5", _glm_opening, _read_glm, "<")
"""``<tool_call>name`` and then ``<arg_key>``, ``<arg_value>``. Small models write a name and then JSON."""
