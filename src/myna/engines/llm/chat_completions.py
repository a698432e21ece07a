"""OpenAI's chat completions as data: our requests to its JSON, its chunks to our deltas. No I/O.

https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import from_json

from myna.core.tools import NamedTool, ToolSpec
from myna.engines.base import (
    Finished,
    LLMDelta,
    LLMMessage,
    LLMRequest,
    ReasoningDelta,
    Sampling,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from myna.engines.llm.sse import NotAnAnswer

Dialect: TypeAlias = Literal["plain", "open", "llamacpp"]
"""What a server takes beyond OpenAI's own parameters; clouds refuse what they do not know. ``open`` (vLLM, SGLang)
takes ``top_k`` and ``chat_template_kwargs``; ``llamacpp`` also reports how far it has read the prompt."""

DONE = b"[DONE]"
"""What stands in place of a chunk after the last one."""

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
"""The schema that OpenAI has a format of its own for; as a strict schema clouds refuse it."""

Reason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]

# ---------------------------------------------------------------------------------------------------------- requests


def encode(request: LLMRequest, *, model: str | None, dialect: Dialect) -> dict[str, Any]:
    """The body of ``POST /v1/chat/completions``.

    ``cache_key`` is not sent: llama.cpp (measured), vLLM and SGLang find a known prefix by its tokens.
    """
    body: dict[str, Any] = {
        "messages": encode_messages(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        **_encode_sampling(request.sampling, dialect),
    }
    if model is not None:
        body["model"] = model
    if request.tools:
        body["tools"] = [_encode_tool(tool) for tool in request.tools]
        body["tool_choice"] = _encode_choice(request.tool_choice)
        if not request.parallel_calls:
            body["parallel_tool_calls"] = False
    if request.output_schema == ANY_OBJECT:
        body["response_format"] = {"type": "json_object"}
    elif request.output_schema is not None:
        schema = {"name": "output", "schema": request.output_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if dialect != "plain" and not request.reasoning:
        body["chat_template_kwargs"] = {"enable_thinking": False}
    if dialect == "llamacpp":
        # With part of the prompt from the cache the logits are slightly others, and a seed is to give the same text.
        body["cache_prompt"] = request.sampling.seed is None
        # A server that reports progress writes after every batch of the prompt, and so notices there that we have left.
        body["return_progress"] = True
        if request.output_schema is not None:
            body["repeat_penalty"] = 1.0  # JSON repeats its keys and quotes, and has to
    return body


INSTEAD: Mapping[str, str | None] = {
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "top_p": None,
    "presence_penalty": None,
    "frequency_penalty": None,
}
"""What models refuse that always think, such as OpenAI's, and what they take for it; None: the request does without."""


def without(body: Mapping[str, Any], refused: Collection[str]) -> dict[str, Any]:
    """The body of a request to a server that refuses these parameters (`INSTEAD`)."""
    named = {name: INSTEAD[name] if name in refused else name for name in body}
    return {name: body[was] for was, name in named.items() if name is not None}


def encode_messages(messages: Sequence[LLMMessage]) -> list[dict[str, Any]]:
    """Messages as OpenAI writes them."""
    return [_encode_message(message) for message in messages]


def _encode_message(message: LLMMessage) -> dict[str, Any]:
    encoded: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        encoded["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _object(call.arguments)}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        encoded["tool_call_id"] = message.tool_call_id
    return encoded


def _object(arguments: str) -> str:
    """Arguments that were no JSON object go back as an empty one, since servers read them; the result says why."""
    try:
        value = from_json(arguments)
    except ValueError:
        return "{}"
    return arguments if isinstance(value, dict) else "{}"


def _encode_tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _encode_choice(choice: Literal["auto", "none", "required"] | NamedTool) -> JsonValue:
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def _encode_sampling(sampling: Sampling, dialect: Dialect) -> dict[str, Any]:
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k if dialect != "plain" else None,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": [list(each) for each in sampling.bias] if sampling.bias and dialect == "llamacpp" else None,
    }
    return {name: value for name, value in given.items() if value is not None}


# ----------------------------------------------------------------------------------------------------------- answers


class _Function(BaseModel):
    name: str | None = None
    arguments: str | None = None


class _Call(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Piece(BaseModel):
    """The names of thinking: llama-server, vLLM and DeepSeek; OpenRouter, Ollama and newer vLLM; Ollama's own API."""

    content: str | list[JsonValue] | None = None
    reasoning_content: JsonValue = None
    reasoning: JsonValue = None
    thinking: JsonValue = None
    reasoning_details: JsonValue = None  # OpenRouter's, with the same text as `reasoning`, where that is there
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    delta: _Piece | None = None
    message: _Piece | None = None  # what a server sends that does not stream
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = None


class _CompletionDetails(BaseModel):
    reasoning_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Chunk(BaseModel):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: JsonValue = None


def _reasoning(piece: _Piece) -> str:
    said = (piece.reasoning_content, piece.reasoning, piece.thinking)
    if text := next((each for each in said if isinstance(each, str) and each), ""):
        return text
    details = _texts(piece.reasoning_details, ("text", "summary"))  # what is encrypted is for nobody here
    return details or ("" if isinstance(piece.content, str) else _texts(piece.content, ("thinking",)))


def _texts(parts: JsonValue, names: Sequence[str]) -> str:
    """The texts in a list of parts, as OpenAI has them: ``[{"type": "text", "text": …}]``; they may be nested once."""
    found: list[str] = []
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            values = map(part.get, names)
            found.extend(value if isinstance(value, str) else _texts(value, ("text",)) for value in values)
    return "".join(found)


class ErrorObject(Exception):  # control flow between this decoder and its client, which makes a MynaError of it
    """The server reported an error in place of an answer, or within one."""

    def __init__(self, error: JsonValue) -> None:
        super().__init__(error)
        self.error = error


_REASONS: Mapping[str, Reason] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class ReplyDecoder:
    """Takes the chunks of one reply in order, gives its deltas.

    Attributes:
        started: Whether any chunk came.
        done: Whether the server has said that the reply is whole.
    """

    def __init__(self) -> None:
        self.started = False
        self.done = False
        self._reason: str | None = None
        self._usage: _Usage | None = None
        self._calls: set[int] = set()

    def feed(self, data: bytes) -> list[LLMDelta]:
        """The deltas that are in the JSON of a chunk, or of a whole answer; ``[DONE]`` ends the reply.

        Raises:
            ErrorObject: It is an error.
            NotAnAnswer: It is neither a chunk nor an error.
        """
        if data == DONE:
            self.done = True
            return []
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError as error:
            raise NotAnAnswer(f"{data[:80]!r}") from error
        if chunk.error is not None:
            raise ErrorObject(chunk.error)
        if chunk.choices is None and not (self.started or chunk.usage):
            raise NotAnAnswer(f"{data[:80]!r}")
        self.started = True
        self._usage = chunk.usage or self._usage
        deltas: list[LLMDelta] = []
        for choice in (chunk.choices or ())[:1]:
            self._reason = choice.finish_reason or self._reason
            if piece := choice.delta or choice.message:
                deltas += self._decode(piece)
        return deltas

    @property
    def whole(self) -> bool:
        """Whether nothing of the answer is missing, should the stream end here."""
        return self.done or self._reason is not None

    def finished(self) -> Finished:
        """The item that ends the stream."""
        reason = _REASONS.get(self._reason or "stop", "stop")
        if reason == "stop" and self._calls:
            reason = "tool_calls"
        if (told := self._usage) is None:
            return Finished(reason)
        cached = told.prompt_tokens_details.cached_tokens if told.prompt_tokens_details else None
        thought = told.completion_tokens_details.reasoning_tokens if told.completion_tokens_details else None
        return Finished(reason, Usage(told.prompt_tokens, told.completion_tokens, cached, thought))

    def _decode(self, piece: _Piece) -> list[LLMDelta]:
        deltas: list[LLMDelta] = []
        if reasoning := _reasoning(piece):
            deltas.append(ReasoningDelta(reasoning))
        if text := piece.content if isinstance(piece.content, str) else _texts(piece.content, ("text",)):
            deltas.append(TextDelta(text))
        for place, call in enumerate(piece.tool_calls or ()):
            deltas.append(self._decode_call(call, place if call.index is None else call.index))
        return deltas

    def _decode_call(self, call: _Call, index: int) -> ToolCallDelta:
        function = call.function or _Function()
        arguments = function.arguments or ""
        if index in self._calls:  # some servers repeat id and name with every piece
            return ToolCallDelta(index, None, None, arguments)
        self._calls.add(index)
        return ToolCallDelta(index, call.id or f"call_{index}", function.name, arguments)
