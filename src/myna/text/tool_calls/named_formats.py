"""Calls whose name stands outside the JSON of their arguments."""

import re
from dataclasses import dataclass

from myna.text.tool_calls.calls import BrokenCall, FoundCall
from myna.text.tool_calls.format import Format, Tools
from myna.text.tool_calls.openings import Part, blanks, either, follow, identifier, maybe, sure, word
from myna.text.tool_calls.source import Reading, Source
from myna.text.tool_calls.written_calls import arguments_of

_OBJECT = word("{")
_FENCE = word("```json", "```")
_NUMBERED = re.compile(r"(?:functions?\.)?([^\s:]+)(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands around a call; each may be written in several ways, and all but ``call`` may be missing.

    Attributes:
        call: Stands before the name.
        arguments: Stands between the name, or what else is there, and the arguments.
        end: Ends the call.
        section: Begins the calls.
        section_end: Ends them.
    """

    call: tuple[str, ...]
    arguments: tuple[str, ...]
    end: tuple[str, ...] = ()
    section: tuple[str, ...] = ()
    section_end: tuple[str, ...] = ()


def named(name: str, marks: Marks, begins: str = "<") -> Format:
    """The format of models that write a name and then a JSON object, with markers of their own around."""
    called = word(*marks.call)
    section = word(*marks.section)
    ends = word(*marks.end, *marks.section_end)

    def opening(_tools: Tools) -> Part:
        return follow(maybe(follow(section, blanks)), called, sure, blanks, identifier)

    def read(source: Source, tools: Tools) -> Reading[None]:
        if (yield from source.takes(section)):
            yield from source.skip_blanks()
        while (yield from source.takes(called)):
            head, mark = yield from source.until(*marks.arguments)
            yield from source.skip_blanks()
            begun = yield from source.sees(either(_OBJECT, _FENCE))
            if mark and source.rest and not begun:  # DeepSeek V3: that was its kind, its name is a line
                head, mark = yield from source.until("\n")
            yield from source.skip_blanks()
            if (yield from source.takes(_FENCE)):
                yield from source.skip_blanks()
            yield from read_arguments(source, called_name(head, tools) if mark else None)
            yield from source.takes(follow(blanks, word("```")))
            while (yield from source.takes(follow(blanks, ends))):
                pass
            if (yield from source.sees(follow(blanks, called))):
                yield from source.skip_blanks()

    return Format(name, opening, read, begins)


def read_arguments(source: Source, name: str | None) -> Reading[None]:
    """The JSON object that comes next, as the arguments of a call."""
    written = (yield from source.value()) if (yield from source.sees(word("{", "("))) else ""
    inner = written[1:-1].strip() if written.startswith("(") and written.endswith(")") else written
    arguments = arguments_of(inner) if written else None
    if arguments is None:
        written += yield from source.rest_of_value()
    raw = source.cut()
    yield FoundCall(name, arguments, raw) if name and arguments else BrokenCall(name, written, raw)


def called_name(written: str, tools: Tools) -> str | None:
    """The tool's name without what some models put around it."""
    written = written.strip()
    if written in tools:
        return written
    numbered = _NUMBERED.fullmatch(written)
    return numbered[1] if numbered else written or None


_TOOL_CALLS = word("[TOOL_CALLS]")
_CALL_ID = word("[CALL_ID]")
_ARGS = word("[ARGS]")


def _mistral_opening(_tools: Tools) -> Part:
    return follow(_TOOL_CALLS, sure, blanks, identifier, either(_ARGS, _CALL_ID, _OBJECT))


def _read_mistral(source: Source, tools: Tools) -> Reading[None]:
    yield from source.takes(_TOOL_CALLS)
    yield from source.skip_blanks()
    name = yield from source.takes(identifier)
    if (yield from source.takes(_CALL_ID)):
        yield from source.takes(identifier)
    yield from source.takes(_ARGS)
    yield from source.skip_blanks()
    yield from read_arguments(source, called_name(name, tools))


MISTRAL_NAMED = Format("Mistral, names first", _mistral_opening, _read_mistral, "[")
"""Since tokenizer version 11: ``[TOOL_CALLS]name[ARGS]{…}``."""


def _functionary_opening(tools: Tools) -> Part:
    return follow(word(">>>"), word(*tools), word("\n"), sure, blanks, _OBJECT)


def _read_functionary(source: Source, _tools: Tools) -> Reading[None]:
    yield from source.takes(word(">>>"))
    name, _ = yield from source.until("\n")
    yield from source.skip_blanks()
    yield from read_arguments(source, name)


FUNCTIONARY = Format("Functionary", _functionary_opening, _read_functionary, ">")

DEEPSEEK = named(
    "DeepSeek",
    Marks(
        section=("<｜tool▁calls▁begin｜>", "<｜tool_calls_begin｜>"),
        call=("<｜tool▁call▁begin｜>", "<｜tool_call_begin｜>"),
        arguments=("<｜tool▁sep｜>", "<｜tool_sep｜>"),
        end=("<｜tool▁call▁end｜>", "<｜tool_call_end｜>"),
        section_end=("<｜tool▁calls▁end｜>", "<｜tool_calls_end｜>"),
    ),
)
KIMI = named(
    "Kimi",
    Marks(
        section=("<|tool_calls_section_begin|>",),
        call=("<|tool_call_begin|>",),
        arguments=("<|tool_call_argument_begin|>",),
        end=("<|tool_call_end|>",),
        section_end=("<|tool_calls_section_end|>",),
    ),
)
QWEN_AGENT = named("Qwen-Agent", Marks(call=("✿FUNCTION✿:",), arguments=("✿ARGS✿:",)), begins="✿")
