"""Calls as JSON: alone, in a code fence, and between the markers of many models."""

from dataclasses import replace

from myna.text.tool_calls.calls import FoundCall
from myna.text.tool_calls.format import Format, Tools
from myna.text.tool_calls.openings import (
    Part,
    blanks,
    either,
    follow,
    maybe,
    quoted,
    some,
    sure,
    unless,
    word,
)
from myna.text.tool_calls.source import Reading, Source
from myna.text.tool_calls.written_calls import ARGUMENT_KEYS, LIST_KEYS, NAME_KEYS, WRAPPER_KEYS, calls_in

_BRACKET = word("{", "[")
_COMMA = either(word(","), word(";"))
_RESULT, _RESULT_END = word("<tool_response>"), "</tool_response>"  # made up by a model that does not wait for it
_CLOSING = word("</tool_call>", "</tools>", "</function_call>", "<|eom_id|>", "<|eot_id|>", "<|im_end|>")
_ID = some(lambda character: character.isalnum() or character in "_-", 64)
_ASIDE = follow(  # what may stand before the name, and between it and the arguments
    either(
        follow(quoted(["type"]), blanks, word(":"), blanks, quoted(["function", "tool_call", "function_call"])),
        follow(quoted(["id", "call_id", "tool_call_id"]), blanks, word(":"), blanks, maybe(word('"', "'")), _ID),
    ),
    maybe(word('"', "'")),
    blanks,
    word(","),
    blanks,
)
_SCHEMA = follow(word("{"), blanks, quoted(["type"]), blanks, word(":"), blanks, quoted(["object"]))


_COLON = follow(blanks, word(":"), blanks)
_HEAD = follow(word("{"), blanks, maybe(_ASIDE), maybe(_ASIDE))
_WRAPPED = follow(_HEAD, quoted(WRAPPER_KEYS), _COLON)
_LISTED = follow(word("{"), blanks, quoted(LIST_KEYS), _COLON, word("["), blanks)
_ELEMENT = follow(word("["), blanks)
_NAME = follow(_HEAD, quoted(NAME_KEYS), _COLON)
_NO_ARGUMENTS = follow(blanks, word("}"))
_ARGUMENTS = follow(
    blanks,
    word(","),
    blanks,
    maybe(_ASIDE),
    quoted(ARGUMENT_KEYS),
    _COLON,
    either(word('"', "null"), follow(unless(_SCHEMA), word("{"))),
)


def json_call(tools: Tools) -> Part:
    """A JSON object that begins as the call of an offered tool: its name comes first, and then its arguments.

    Arguments may be missing if the tool needs none. A JSON schema in their place makes it the description of a tool.
    """
    needing_none = quoted([name for name, schema in tools.items() if not schema.get("required")])
    named = follow(_NAME, either(follow(needing_none, sure, _NO_ARGUMENTS), follow(quoted(tools), sure, _ARGUMENTS)))
    call = either(named, follow(_WRAPPED, named))
    return either(call, follow(_LISTED, call), follow(_ELEMENT, call))


def read_values(source: Source, *marks: str) -> Reading[None]:
    """JSON objects or lists of calls, one after another, with white space, commas or semicolons between them.

    ``marks`` end them, also in the midst of one that is malformed.
    """
    another = follow(blanks, maybe(_COMMA), blanks, _BRACKET)
    while (yield from source.sees(another)):
        yield from source.takes(follow(blanks, maybe(_COMMA), blanks))
        yield from read_value(source, *marks)


def read_value(source: Source, *marks: str) -> Reading[None]:
    """One JSON object or list of calls; see `read_values`."""
    written = yield from source.value(*marks)
    calls = calls_in(written)
    if not all(isinstance(call, FoundCall) for call in calls):
        written += yield from source.rest_of_value()
        calls = calls_in(written)
    raw = source.cut()
    for call in calls:
        yield replace(call, raw=raw)
        raw = ""


def _read_alone(source: Source, tools: Tools) -> Reading[None]:
    another = follow(blanks, maybe(_COMMA), blanks, json_call(tools))
    yield from read_value(source)
    while (yield from source.sees(another)):
        yield from source.takes(follow(blanks, maybe(_COMMA), blanks))
        yield from read_value(source)
    yield from source.takes(word("}", "}}"))
    yield from source.takes(follow(blanks, _CLOSING))


JSON_ALONE = Format("JSON", json_call, _read_alone, "{[", plain=True)


def between(name: str, *markers: tuple[str, tuple[str, ...]], begins: str = "<") -> Format:
    """The format of models that write JSON calls between two markers, the second of which they may forget."""
    closing = dict(markers)
    mark = word(*closing)
    begun = follow(mark, sure, blanks, either(word("{"), follow(word("["), blanks, word("{"))))

    def opening(_tools: Tools) -> Part:
        return begun

    def read(source: Source, _tools: Tools) -> Reading[None]:
        opened = yield from source.takes(mark)
        yield from read_values(source, *closing[opened])
        yield from source.skip_strays()
        yield from source.takes(word(*closing[opened]))
        while (yield from source.takes(follow(blanks, _RESULT))):
            yield from source.until(_RESULT_END)

    return Format(name, opening, read, begins)


HERMES = between(
    "Hermes",
    ("<tool_call>", ("</tool_call>",)),
    ("<tool_calls>", ("</tool_calls>", "</tool_call>")),
    ("<tools>", ("</tools>", "</tool_call>")),
    ("<function_call>", ("</function_call>",)),
    ("<functioncall>", ("</functioncall>", "<|endoftext|>")),
)
LLAMA = between("Llama 3", ("<|python_tag|>", ("<|eom_id|>", "<|eot_id|>")))
INTERNLM = between(
    "InternLM",
    ("<|action_start|><|plugin|>", ("<|action_end|>",)),
    ("<|action_start|> <|plugin|>", ("<|action_end|>",)),
)
PHI = between("Phi-4, Granite", ("<|tool_call|>", ("<|/tool_call|>",)))
NEMOTRON = between("Nemotron", ("<TOOLCALL>", ("</TOOLCALL>",)))
COHERE = between("Command", ("<|START_ACTION|>", ("<|END_ACTION|>",)))
MISTRAL = between("Mistral", ("[TOOL_CALLS]", ("[/TOOL_CALLS]",)), begins="[")

_FENCES = (
    *("", "json", "JSON", "jsonc", "json5", "text", "plaintext", "xml", "tool", "tools", "tool_call", "tool_calls"),
    *("tool_code", "function", "function_call", "function_calls"),
)
_FENCE = word(*("```" + language for language in _FENCES))
_FENCE_END = word("```")
_TAG = word("<tool_call>", "<tool_calls>", "<tools>", "<function_call>")


def _fence_opening(tools: Tools) -> Part:
    return follow(_FENCE, blanks, maybe(follow(_TAG, blanks)), json_call(tools))


def _read_fence(source: Source, tools: Tools) -> Reading[None]:
    another = follow(maybe(_COMMA), blanks, json_call(tools))
    yield from source.takes(_FENCE)
    while True:
        yield from source.skip_blanks()
        if (yield from source.sees(another)):
            yield from source.takes(follow(maybe(_COMMA), blanks))
            yield from read_value(source)
        elif (yield from source.sees(_TAG)):
            yield from HERMES.read(source, tools)
        elif (yield from source.takes(_FENCE_END)):
            return
        elif (yield from source.sees(word(*"{[<}],;"))):
            yield from source.until("```")  # what the model made up as the result
            return
        else:
            return


FENCED = Format("Fenced JSON", _fence_opening, _read_fence, "`")
