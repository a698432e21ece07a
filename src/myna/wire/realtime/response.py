"""One reply in the making: its items, parts and deltas in the order that the protocol has them."""

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from myna.core.events import Failed, Interrupted, ReplyEnded
from myna.core.ids import MessageId, TurnId
from myna.core.tools import ToolCall
from myna.wire.audio_formats import AudioOut
from myna.wire.realtime import server_events as tell
from myna.wire.realtime.items import CallItem, Content, Item, Items, MessageItem, Status, cut, shown
from myna.wire.realtime.server_events import ServerEvent
from myna.wire.realtime.session_config import SessionConfig

ResponseStatus: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]


def response_id_of(turn_id: TurnId) -> str:
    """The id of the response in a turn."""
    return f"resp_{turn_id.removeprefix('turn_')}"


@dataclass(slots=True)
class _Message:
    """The message of a reply, as far as it has been told."""

    index: int
    after: MessageId | None
    pieces: list[str] = field(default_factory=list[str])
    voice: AudioOut | None = None


class Response:
    """A reply, from the wish for it to its end.

    Its events come in this order: ``created``, then for each item ``output_item.added``, its deltas and
    ``output_item.done``, and last ``done``. A call of a tool may come while the message is still being spoken.

    Args:
        config: What holds for it.
        conversation_id: None: it is apart, and the conversation knows nothing of it.
        event_id: The client's event that asked for it.

    Attributes:
        stage: ``asked`` for, ``running``, ``done``; what is done may still be played.
        cancelled: The client has asked for its end.
        clearing: The client waits to be told that it is no longer spoken.
        failure: Why it cannot be finished.
        interruption: How much of it was heard, if it was interrupted.
    """

    def __init__(
        self,
        turn_id: TurnId,
        config: SessionConfig,
        conversation_id: str | None,
        *,
        metadata: dict[str, str] | None = None,
        event_id: str | None = None,
    ) -> None:
        self.turn_id = turn_id
        self.id = response_id_of(turn_id)
        self.event_id = event_id
        self.stage: Literal["asked", "running", "done"] = "asked"
        self.reply_id: MessageId | None = None
        self.cancelled = False
        self.clearing = False
        self.failure: Failed | None = None
        self.interruption: Interrupted | None = None
        self._config = config
        self._conversation_id = conversation_id
        self._metadata = metadata
        self._voice = config.voice or ""
        self._output: list[Item] = []
        self._message: _Message | None = None
        self._sent_bytes = 0

    @property
    def apart(self) -> bool:
        """Whether the conversation keeps nothing of it."""
        return self._conversation_id is None

    @property
    def speaks(self) -> bool:
        """Whether it is audio."""
        return self._config.speaks

    @property
    def audio_ms(self) -> float:
        """How much audio of it was sent."""
        return self._sent_bytes / self._config.output_format.bytes_per_ms

    def start(self, reply_id: MessageId | None, voice: str, *, spoken: bool = True) -> list[ServerEvent]:
        """It begins.

        Args:
            reply_id: The message that it will be; None if it is over before it can say anything.
            voice: The name of the one that speaks if the client chose none.
            spoken: Whether it can be: else it is text, whatever was asked for.
        """
        self.stage = "running"
        if not spoken:
            self._config = replace(self._config, speaks=False)
        self.reply_id = reply_id
        self._voice = self._config.voice or voice
        return [tell.response("created", self._resource("in_progress"))]

    def text(self, piece: str, items: Items) -> list[ServerEvent]:
        """More of what is said."""
        message, told = self._opened(items)
        message.pieces.append(piece)
        kind = "output_audio_transcript" if self.speaks else "output_text"
        return [*told, self._part(f"{kind}.delta", message) | {"delta": piece}]

    def audio(self, pcm: bytes, sample_rate: int, items: Items) -> list[ServerEvent]:
        """More of how it sounds."""
        if not self.speaks:
            return []
        message, told = self._opened(items)
        if message.voice is None:
            line = self._config.output_format
            message.voice = AudioOut(line.type, line.rate, source_rate=sample_rate)
        return told + self._delta(message, message.voice.feed(pcm))

    def call(self, message_id: MessageId, call: ToolCall, items: Items) -> list[ServerEvent]:
        """A tool is called."""
        index = len(self._output)
        item = CallItem(message_id, call)
        begun = replace(item, call=replace(call, arguments=""), status="in_progress")
        self._output.append(item)
        after = self._add(item, items)
        place = {"response_id": self.id, "item_id": message_id, "output_index": index, "call_id": call.id}
        told = {**place, "name": call.name, "arguments": call.arguments}
        return [
            tell.output_item("added", self.id, index, begun),
            *self._of_conversation(tell.item_added(begun, after)),
            {"type": "response.function_call_arguments.delta", **place, "delta": call.arguments},
            {"type": "response.function_call_arguments.done", **told},
            tell.output_item("done", self.id, index, item),
            *self._of_conversation(tell.item_done(item, after)),
        ]

    def end(self, ended: ReplyEnded, items: Items) -> list[ServerEvent]:
        """All of it has been sent."""
        rest: list[ServerEvent] = []
        if self._message is not None and self._message.voice is not None:
            rest = self._delta(self._message, self._message.voice.finish())
        usage = _usage(ended)
        if ended.complete:
            return rest + self._close("completed", items, usage=usage)
        return rest + self._close("incomplete", items, {"reason": "max_output_tokens"}, usage)

    def cut(self, items: Items) -> list[ServerEvent]:
        """It has ended before all of it was sent."""
        if self.failure is not None:
            told = {"type": "server_error", "code": self.failure.code}
            message = f"{self.failure.message} {self.failure.hint}".strip()
            return self._close("failed", items, {"error": told | {"message": message}})
        reason = "client_cancelled" if self.cancelled else "turn_detected"
        return self._close("cancelled", items, {"reason": reason})

    def skip(self, items: Items) -> list[ServerEvent]:
        """There was nothing to answer."""
        return self._close("completed", items)

    # ------------------------------------------------------------------------------------------------------ inside

    def _opened(self, items: Items) -> tuple[_Message, list[ServerEvent]]:
        """The message, and what tells that it has begun, if it begins now."""
        if self._message is not None:
            return self._message, []
        item = self._said("in_progress", ())
        message = _Message(len(self._output), self._add(item, items))
        self._message = message
        self._output.append(item)
        part = tell.part_of(self._content(""))
        return message, [
            tell.output_item("added", self.id, message.index, item),
            *self._of_conversation(tell.item_added(item, message.after)),
            self._part("content_part.added", message) | {"part": part},
        ]

    def _delta(self, message: _Message, audio: bytes) -> list[ServerEvent]:
        if not audio:
            return []
        self._sent_bytes += len(audio)
        return [self._part("output_audio.delta", message) | {"delta": b64encode(audio).decode("ascii")}]

    def _close(
        self,
        status: ResponseStatus,
        items: Items,
        details: dict[str, Any] | None = None,
        usage: dict[str, Any] | None = None,
    ) -> list[ServerEvent]:
        told = self._closed("completed" if status == "completed" else "incomplete", items)
        self.stage = "done"
        details = details and {"type": status, **details}
        return [*told, tell.response("done", self._resource(status, details, usage))]

    def _closed(self, status: Status, items: Items) -> list[ServerEvent]:
        message = self._message
        if message is None:
            return []
        text = "".join(message.pieces)
        item = self._said(status, (self._content(text),))
        self._output[message.index] = item
        items.put(item)
        if self.speaks:
            ends = [
                self._part("output_audio.done", message),
                self._part("output_audio_transcript.done", message) | {"transcript": text},
            ]
        else:
            ends = [self._part("output_text.done", message) | {"text": text}]
        return [
            *ends,
            self._part("content_part.done", message) | {"part": tell.part_of(self._content(text))},
            tell.output_item("done", self.id, message.index, item),
            *self._of_conversation(tell.item_done(self._kept(item), message.after)),
        ]

    def _kept(self, item: MessageItem) -> MessageItem:
        """What the conversation has of it: what was heard. Clients take their history from this."""
        return item if self.interruption is None else cut(item, self.interruption.heard)

    def _said(self, status: Status, content: tuple[Content, ...]) -> MessageItem:
        if self.reply_id is None:
            raise ValueError("a response that says something has begun")
        return MessageItem(self.reply_id, "assistant", content, status, self.audio_ms if self.speaks else None)

    def _content(self, text: str) -> Content:
        return Content("output_audio" if self.speaks else "output_text", text)

    def _add(self, item: Item, items: Items) -> MessageId | None:
        """Put an item at the end of the conversation; what it follows."""
        after = items.last_id
        if not self.apart:
            items.add(item)
        return after

    def _of_conversation(self, event: ServerEvent) -> list[ServerEvent]:
        return [] if self.apart else [event]

    def _part(self, kind: str, message: _Message) -> ServerEvent:
        place = {"item_id": self.reply_id, "output_index": message.index, "content_index": 0}
        return {"type": f"response.{kind}", "response_id": self.id, **place}

    def _resource(
        self, status: str, details: dict[str, Any] | None = None, usage: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [shown(item) for item in self._output],
            "conversation_id": self._conversation_id,
            "output_modalities": self._config.modalities,
            "max_output_tokens": self._config.max_tokens or "inf",
            "audio": {"output": {"format": self._config.output_format.shown(), "voice": self._voice}},
            "usage": usage,
            "metadata": self._metadata,
        }


def _usage(ended: ReplyEnded) -> dict[str, Any] | None:
    """Tokens, where the LLM tells. All of them are text: audio is heard and spoken by others."""
    if ended.prompt_tokens is None or ended.completion_tokens is None:
        return None
    cached = ended.cached_tokens or 0
    return {
        "total_tokens": ended.prompt_tokens + ended.completion_tokens,
        "input_tokens": ended.prompt_tokens,
        "output_tokens": ended.completion_tokens,
        "input_token_details": {
            "text_tokens": ended.prompt_tokens,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": ended.completion_tokens, "audio_tokens": 0},
    }
