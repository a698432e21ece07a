"""The body of ``POST /v1/chat/completions``, and what of it Myna understands.

https://platform.openai.com/docs/api-reference/chat/create
"""

import json
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import from_json

from myna.core.tools import NamedTool
from myna.server.llm import MOST_MESSAGES, MOST_TOKENS

MOST_CHOICES = 8
MOST_STOPS = 16
MOST_TOOLS = 128

_TEXT_PARTS = {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["type", "text"]}}


def _as_text(content: object) -> object:
    """Content as one text. Parts are joined by line breaks, as llama.cpp and vLLM do."""
    parts = cast(list[object], content) if isinstance(content, list) else []
    return "\n".join(map(_part_text, parts)) if parts else cast(object, content)


def _part_text(part: object) -> str:
    fields = cast(dict[str, object], part) if isinstance(part, dict) else {}
    kind = fields.get("type")
    text = fields.get("refusal" if kind == "refusal" else "text")
    if kind not in ("text", "refusal"):  # a tuple: it may be anything, hashable or not
        raise ValueError("only parts of type text are supported; this model takes no images, audio or files")
    if not isinstance(text, str):
        raise ValueError("a part of type text needs its text")  # noqa: TRY004 - pydantic wants a ValueError
    return text


def _as_list(stop: object) -> object:
    return [stop] if isinstance(stop, str) else stop


def _writable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("holds a number that JSON cannot hold") from None
    return value


def _arguments(text: str) -> str:
    if not text.strip():
        return "{}"
    try:
        from_json(text)
    except ValueError:  # a call that was cut off, as by max_tokens
        return json.dumps({"invalid": text}, ensure_ascii=False)
    return text


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool


def _as_tool_choice(value: object) -> ToolChoice | None:
    match value:
        case None:
            return None
        case "auto" | "none" | "required" as known:
            return cast(ToolChoice, known)
        case {"type": "function", "function": {"name": str(name)}}:
            return NamedTool(name)
        case _:
            raise ValueError('must be "auto", "none", "required" or {"type": "function", "function": {"name": …}}')


Text: TypeAlias = Annotated[
    str | None,
    BeforeValidator(_as_text),
    WithJsonSchema({"anyOf": [{"type": "string"}, _TEXT_PARTS, {"type": "null"}]}),
]
JSONObject: TypeAlias = Annotated[dict[str, Any], AfterValidator(_writable)]
StopText: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]
ToolName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class CalledFunction(_Part):
    """What an assistant message called. LLM servers fail on ``arguments`` that are no JSON, so these are wrapped."""

    name: ToolName
    arguments: Annotated[str, AfterValidator(_arguments)] = "{}"


class Call(_Part):
    """A call in an assistant message."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(_Part):
    """One message; its content is text, or parts of text."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text = None
    tool_calls: Annotated[list[Call], Field(max_length=MOST_TOOLS, fail_fast=True)] | None = None
    tool_call_id: str | None = None


class Function(_Part):
    """A function that the model may call."""

    name: ToolName
    description: str | None = None
    parameters: JSONObject | None = None


class Tool(_Part):
    """A tool, of the one kind that there is here."""

    type: Literal["function"]
    function: Function


class Schema(_Part):
    """What the answer has to satisfy. It is enforced whether or not ``strict`` is set."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    schema_: Annotated[JSONObject, Field(alias="schema")] = {}


class ResponseFormat(_Part):
    """Which form the answer has."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: Schema | None = None


class StreamOptions(_Part):
    """What a stream holds beyond the answer."""

    include_usage: bool | None = None


class MynaTerms(_Part):
    """What Myna adds: ``myna`` in the body.

    Attributes:
        private: The persona is told nothing that is remembered of the user, and nothing is remembered.
    """

    model_config = ConfigDict(extra="forbid")

    private: bool = False


class ChatBody(_Part):
    """What is asked. Fields that are not listed are taken and left alone, unless they change the answer's meaning."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1, max_length=256)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_MESSAGES, fail_fast=True)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=MOST_TOKENS)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    stop: Annotated[
        Annotated[list[StopText], Field(max_length=MOST_STOPS, fail_fast=True)] | None,
        BeforeValidator(_as_list),
    ] = None
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS, fail_fast=True)] | None = None
    tool_choice: Annotated[ToolChoice | None, PlainValidator(_as_tool_choice), WithJsonSchema({})] = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    myna: MynaTerms | None = None
