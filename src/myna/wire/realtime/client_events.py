"""What a client may send: OpenAI's 11 events, and two of Myna's.

https://platform.openai.com/docs/api-reference/realtime-client-events
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_core import from_json

from myna.wire.realtime.refusal import EventRefused, from_validation
from myna.wire.realtime.session_patch import (
    Choice,
    Format,
    JSONObject,
    MaxTokens,
    Modalities,
    NoPrompt,
    Part,
    SessionPatch,
    Text,
    Tools,
    VoiceName,
    Whole,
)

LONGEST_EVENT = 4_000_000
"""In characters, of an event that brings no audio."""
MOST_VALUES = 20_000
"""In an event. While it is read and checked, all other sessions wait."""
MOST_KEYS = 1000
"""In an object of an event: each that is wrong is noted, which takes far longer than to read it."""
MOST_ITEMS = 1000
MOST_PARTS = 64
MOST_METADATA = 16
LONGEST_TURN_MS = 1 << 31
LONGEST_EVENT_ID = 512

ChosenId: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
KnownId: TypeAlias = Annotated[str, Field(min_length=1, max_length=512)]
"""Of what was made by others: an LLM server gives its calls any id."""

EventId: TypeAlias = Annotated[str, Field(max_length=LONGEST_EVENT_ID)]
Milliseconds: TypeAlias = Annotated[Whole, Field(ge=0, le=LONGEST_TURN_MS)]


def _few(value: object) -> object:
    fields = cast(dict[str, object], value) if isinstance(value, dict) else {}
    if len(fields) > MOST_METADATA:
        raise ValueError(f"has at most {MOST_METADATA} keys")
    return cast(object, value)


def _are_short(value: dict[str, str]) -> dict[str, str]:
    if any(len(key) > 64 or len(text) > 512 for key, text in value.items()):
        raise ValueError("keys have at most 64 characters, values at most 512")
    return value


def _no_images(value: object) -> object:
    raise ValueError("the model sees no images; describe them in an input_text part")


class TextPart(Part):
    """Typed text: ``input_text`` of a user or the system, ``output_text`` of the assistant."""

    type: Literal["input_text", "output_text"]
    text: Text


class AudioPart(Part):
    """Something spoken. Only its transcript counts: audio is heard in the input audio buffer."""

    type: Literal["input_audio", "output_audio"]
    transcript: Text | None = None
    audio: str | None = None


class ImagePart(Part):
    """A picture, which is refused."""

    type: Literal["input_image"]
    image_url: Annotated[object, PlainValidator(_no_images)]
    detail: object = None


ContentPart: TypeAlias = Annotated[TextPart | AudioPart | ImagePart, Field(discriminator="type")]


class _Item(Part):
    id: ChosenId | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class MessageItem(_Item):
    """A message."""

    type: Literal["message"]
    role: Literal["system", "user", "assistant"]
    content: Annotated[list[ContentPart], Field(min_length=1, max_length=MOST_PARTS, fail_fast=True)]


class FunctionCallItem(_Item):
    """A call of a tool, as the model made it."""

    type: Literal["function_call"]
    call_id: KnownId | None = None
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    arguments: Text


class FunctionCallOutputItem(_Item):
    """What came of a call."""

    type: Literal["function_call_output"]
    call_id: KnownId
    output: Text


class ItemReference(Part):
    """An item of the conversation, as input of a response."""

    type: Literal["item_reference"]
    id: KnownId


NewItem: TypeAlias = Annotated[MessageItem | FunctionCallItem | FunctionCallOutputItem, Field(discriminator="type")]
InputItem: TypeAlias = Annotated[
    MessageItem | FunctionCallItem | FunctionCallOutputItem | ItemReference, Field(discriminator="type")
]


class ResponseOutput(Part):
    """How a response sounds."""

    format: Format | None = None
    voice: VoiceName = None


class ResponseAudio(Part):
    """The audio of a response."""

    output: ResponseOutput | None = None


class ResponseTerms(Part):
    """What holds for one response in the place of the session's settings.

    Attributes:
        conversation: ``none`` makes it apart: the conversation keeps nothing of it, and it may run beside others.
        input: What is answered, in the place of the conversation.
    """

    conversation: Literal["auto", "none"] | None = None
    input: Annotated[list[InputItem], Field(max_length=MOST_ITEMS, fail_fast=True)] | None = None
    metadata: Annotated[dict[str, str], BeforeValidator(_few), AfterValidator(_are_short)] | None = None
    instructions: Text | None = None
    output_modalities: Modalities = None
    audio: ResponseAudio | None = None
    tools: Tools | None = None
    tool_choice: Choice = None
    max_output_tokens: MaxTokens = None
    parallel_tool_calls: bool | None = None
    reasoning: JSONObject | None = None
    prompt: NoPrompt = None


# ----------------------------------------------------------------------------------------------------------- events


class _Event(Part):
    event_id: EventId | None = None


class SessionUpdate(_Event):
    """Change the session's settings."""

    type: Literal["session.update"]
    session: SessionPatch


class InputAudioAppend(_Event):
    """More audio, as base64 of bytes in the input format, of any number."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class InputAudioCommit(_Event):
    """The utterance is over."""

    type: Literal["input_audio_buffer.commit"]


class InputAudioClear(_Event):
    """Forget the audio that is in no utterance yet."""

    type: Literal["input_audio_buffer.clear"]


class OutputAudioClear(_Event):
    """Stop speaking."""

    type: Literal["output_audio_buffer.clear"]


class ItemCreate(_Event):
    """Put an item into the conversation."""

    type: Literal["conversation.item.create"]
    item: NewItem
    previous_item_id: KnownId | None = None


class ItemRetrieve(_Event):
    """Tell an item as the server knows it."""

    type: Literal["conversation.item.retrieve"]
    item_id: KnownId


class ItemTruncate(_Event):
    """Only the beginning of a reply's audio was heard."""

    type: Literal["conversation.item.truncate"]
    item_id: KnownId
    content_index: Literal[0]
    audio_end_ms: Milliseconds


class ItemDelete(_Event):
    """Take an item out of the conversation."""

    type: Literal["conversation.item.delete"]
    item_id: KnownId


class ResponseCreate(_Event):
    """Answer."""

    type: Literal["response.create"]
    response: ResponseTerms | None = None


class ResponseCancel(_Event):
    """End a response; without an id the one of the conversation."""

    type: Literal["response.cancel"]
    response_id: EventId | None = None


class PlaybackPlayed(_Event):
    """Myna's own: so much of a response's audio has been played, in milliseconds since its first sample."""

    type: Literal["myna.playback.played"]
    response_id: EventId
    audio_end_ms: Milliseconds


class ToolAllow(_Event):
    """Myna's own: what the user said when asked whether a tool of the server's may run."""

    type: Literal["myna.tool.allow"]
    call_id: KnownId
    allowed: bool


ClientEvent: TypeAlias = (
    SessionUpdate
    | InputAudioAppend
    | InputAudioCommit
    | InputAudioClear
    | OutputAudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemTruncate
    | ItemDelete
    | ResponseCreate
    | ResponseCancel
    | PlaybackPlayed
    | ToolAllow
)

CLIENT_EVENTS: Mapping[str, type[ClientEvent]] = {
    get_args(event.model_fields["type"].annotation)[0]: event for event in get_args(ClientEvent)
}
"""Every event that a client may send, by its type."""


# ---------------------------------------------------------------------------------------------------------- reading


APPEND = "input_audio_buffer.append"
MOST_COMMAS = LONGEST_EVENT_ID + 2
"""In an append: base64 has none."""


def read_json(message: str | bytes) -> Mapping[str, object]:
    """The fields of an event.

    Raises:
        EventRefused: It is no JSON object, holds NaN or half a character, is nested hundreds deep, or is too long.
    """
    if isinstance(message, bytes):
        raise EventRefused(
            "The message is binary.", reason="invalid_json", hint="Send JSON; audio goes into it as base64."
        )
    is_long = len(message) > LONGEST_EVENT
    if is_long and message.count(",") > MOST_COMMAS:  # no audio: to read what it holds would take long
        raise _too_long(message)
    try:
        fields: object = from_json(message.encode(), allow_inf_nan=False)
    except ValueError as error:
        raise EventRefused(f"The event is no JSON: {error}.", reason="invalid_json") from None
    if not isinstance(fields, dict):
        raise EventRefused("The event is no JSON object.", reason="invalid_json")
    fields = cast(dict[str, object], fields)
    if is_long and fields.get("type") != APPEND:
        raise _too_long(message)
    return fields


def _too_long(message: str) -> EventRefused:
    return EventRefused(
        f"The event has {len(message)} characters; one without audio has at most {LONGEST_EVENT}.",
        reason="invalid_value",
    )


def _is_small(value: object) -> bool:
    """Whether a JSON value and all objects in it are within their bounds."""
    waiting, seen = [value], 0
    while waiting and seen + len(waiting) <= MOST_VALUES:
        seen += 1
        one = waiting.pop()
        if isinstance(one, dict):
            fields = cast(dict[str, object], one)
            if len(fields) > MOST_KEYS:
                return False
            waiting.extend(fields.values())
        elif isinstance(one, list):
            waiting.extend(cast(list[object], one))
    return not waiting


def read_event(fields: Mapping[str, object]) -> ClientEvent:
    """The event that ``fields`` are.

    Raises:
        EventRefused: There is no such event, it holds too much, or a field of it cannot be used.
    """
    if not _is_small(fields):
        raise EventRefused(
            f"The event holds more than {MOST_VALUES} values, or {MOST_KEYS} in one object.", reason="invalid_value"
        )
    kind = fields.get("type")
    if kind is None:
        raise EventRefused("Missing required parameter: 'type'.", reason="missing_required_parameter", param="type")
    model = CLIENT_EVENTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise EventRefused(
            "There is no event of this type.",
            hint=f"Send one of {', '.join(CLIENT_EVENTS)}.",
            reason="invalid_value",
            param="type",
        )
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise from_validation(error) from None


def event_id_of(fields: Mapping[str, object]) -> str | None:
    """The id that the client gave an event, whatever else is wrong with it."""
    event_id = fields.get("event_id")
    return event_id if isinstance(event_id, str) and len(event_id) <= LONGEST_EVENT_ID else None
