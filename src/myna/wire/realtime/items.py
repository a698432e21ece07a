"""The items of a conversation, as a Realtime client sees them; each is a message of ours under the same id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from myna.core.commands import ROOT
from myna.core.ids import MessageId, TurnId
from myna.core.messages import AssistantMessage, Message, SystemMessage, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.reply import Reply
from myna.core.tools import ToolCall

MOST_ITEMS = 10_000
MOST_CHARACTERS = 4_000_000
"""What a client can refer to: so many of the newest, with so much text in all. The newest of all is always one."""

Status: TypeAlias = Literal["in_progress", "completed", "incomplete"]
ContentType: TypeAlias = Literal["input_text", "input_audio", "output_text", "output_audio"]


@dataclass(frozen=True, slots=True)
class Content:
    """A part of a message: its text, or the transcript of what was spoken; None while that is not known."""

    type: ContentType
    text: str | None

    def shown(self) -> dict[str, Any]:
        """As the protocol has it."""
        spoken = self.type in ("input_audio", "output_audio")
        return {"type": self.type, "transcript" if spoken else "text": self.text}


@dataclass(frozen=True, slots=True)
class MessageItem:
    """Something said or written.

    Attributes:
        audio_ms: How much audio the client got of it, or has kept of it; None if it is no spoken reply of this session.
        kept: Whether it is a message of ours too; of an utterance in which nothing was understood there is none.
    """

    id: MessageId
    role: Literal["system", "user", "assistant"]
    content: tuple[Content, ...]
    status: Status = "completed"
    audio_ms: float | None = None
    kept: bool = True

    @property
    def text(self) -> str:
        """All of its text; parts are joined by line breaks."""
        return "\n".join(part.text or "" for part in self.content)


@dataclass(frozen=True, slots=True)
class CallItem:
    """A tool that the model called."""

    id: MessageId
    call: ToolCall
    status: Status = "completed"


@dataclass(frozen=True, slots=True)
class ResultItem:
    """What came of a call."""

    id: MessageId
    call_id: str
    output: str
    status: Status = "completed"


Item: TypeAlias = MessageItem | CallItem | ResultItem


def shown(item: Item) -> dict[str, Any]:
    """An item as the protocol has it."""
    told: dict[str, Any] = {"id": item.id, "object": "realtime.item", "status": item.status}
    match item:
        case MessageItem():
            return told | {"type": "message", "role": item.role, "content": [part.shown() for part in item.content]}
        case CallItem(call=call):
            return told | {
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            }
        case ResultItem():
            return told | {"type": "function_call_output", "call_id": item.call_id, "output": item.output}


def from_message(message: Message) -> Item:
    """A kept message as an item. Of a reply the heard text is told, which is what the model is shown."""
    match message:
        case SystemMessage(text=text):
            return MessageItem(message.id, "system", (Content("input_text", text),))
        case UserMessage(text=text):
            return MessageItem(message.id, "user", (Content("input_text", text),))
        case AssistantMessage(reply=reply, outcome=outcome):
            status = "completed" if outcome == "completed" else "incomplete"
            return MessageItem(message.id, "assistant", (Content("output_text", reply.heard),), status)
        case ToolCallMessage(call=call):
            return CallItem(message.id, call)
        case ToolResultMessage(call_id=call_id, output=output):
            return ResultItem(message.id, call_id, output)


def to_message(item: Item, turn_id: TurnId) -> Message:
    """An item as a message of a turn."""
    match item:
        case MessageItem(role="system"):
            return SystemMessage(item.id, turn_id, item.text)
        case MessageItem(role="user"):
            return UserMessage(item.id, turn_id, item.text)
        case MessageItem():
            return AssistantMessage(item.id, turn_id, Reply(item.text, item.text, item.text), "completed")
        case CallItem(call=call):
            return ToolCallMessage(item.id, turn_id, call)
        case ResultItem():
            return ToolResultMessage(item.id, turn_id, item.call_id, item.output)


def _is_kept(item: Item | None) -> bool:
    return not isinstance(item, MessageItem) or item.kept


def _size(item: Item | None) -> int:
    """How many characters it holds."""
    match item:
        case MessageItem(content=content):
            return sum(len(part.text or "") for part in content)
        case CallItem(call=call):
            return len(call.arguments)
        case ResultItem(output=output):
            return len(output)
        case None:
            return 0


def cut(item: MessageItem, text: str, audio_ms: float | None = None) -> MessageItem:
    """A reply of which only this was heard; ``audio_ms`` is what is left of its audio, None for all that was sent."""
    content = tuple(replace(part, text=text if index == 0 else "") for index, part in enumerate(item.content))
    return replace(item, content=content, audio_ms=item.audio_ms if audio_ms is None else audio_ms)


class Items:
    """The items of the conversation, in order; the newest, within bounds.

    Args:
        most: How many are kept.
        most_characters: How much text they may hold.
    """

    def __init__(
        self, items: Iterable[Item] = (), *, most: int = MOST_ITEMS, most_characters: int = MOST_CHARACTERS
    ) -> None:
        self._most = most
        self._most_characters = most_characters
        self._characters = 0
        self._items: dict[MessageId, Item] = {}
        for item in items:
            self.add(item)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def get(self, item_id: str) -> Item | None:
        """The item with this id."""
        return self._items.get(MessageId(item_id))

    @property
    def last_id(self) -> MessageId | None:
        """The id of the newest."""
        return next(reversed(self._items), None)

    def kept_until(self, item_id: MessageId) -> MessageId:
        """The newest message of ours up to an item: itself, or what it follows; `ROOT` if that is nothing."""
        if _is_kept(self._items.get(item_id)):
            return item_id
        kept = ROOT
        for known, item in self._items.items():
            if known == item_id:
                break
            kept = known if _is_kept(item) else kept
        return kept

    def place_behind(self, item_id: MessageId) -> MessageId:
        """The last item before the next message of ours: this one (or `ROOT`), or one for the client alone.

        Behind a message that the client does not know, as the result of a tool of the server's, it is the newest item.
        """
        if item_id == self.last_id:
            return item_id
        if item_id != ROOT and item_id not in self._items:
            return self.last_id or ROOT
        place, found = item_id, item_id == ROOT
        for known, item in self._items.items():
            if found and _is_kept(item):
                break
            place = known if found else place
            found = found or known == item_id
        return place

    def add(self, item: Item, after: MessageId | None = None) -> None:
        """Put an item behind ``after``, before all if that is `ROOT`, behind all if it is None or not there."""
        if after is None or (after != ROOT and after not in self._items) or after == self.last_id:
            self._items[item.id] = item
        else:
            self._items = dict(_inserted(self._items, item, after))
        self._characters += _size(item)
        self._forget()

    def put(self, item: Item) -> None:
        """Change an item; one that is gone stays so."""
        if (before := self._items.get(item.id)) is not None:
            self._items[item.id] = item
            self._characters += _size(item) - _size(before)
            self._forget()

    def remove(self, item_id: MessageId) -> bool:
        """Forget an item; whether there was one."""
        gone = self._items.pop(item_id, None)
        self._characters -= _size(gone)
        return gone is not None

    def _forget(self) -> None:
        """Forget the oldest, as far as there is too much."""
        while len(self._items) > self._most or (self._characters > self._most_characters and len(self._items) > 1):
            self.remove(next(iter(self._items)))

    def heard(self, item_id: MessageId, text: str, audio_ms: float | None = None) -> None:
        """Of a reply only this was heard; ``audio_ms`` is what is left of its audio, None for all that was sent."""
        item = self._items.get(item_id)
        if isinstance(item, MessageItem) and item.role == "assistant":
            self.put(cut(item, text, audio_ms))

    def has_call(self, call_id: str) -> bool:
        """Whether a tool was called under this id."""
        return any(isinstance(item, CallItem) and item.call.id == call_id for item in reversed(self._items.values()))


def _inserted(items: dict[MessageId, Item], new: Item, after: MessageId) -> Iterator[tuple[MessageId, Item]]:
    if after == ROOT:
        yield new.id, new
    for item_id, item in items.items():
        yield item_id, item
        if item_id == after:
            yield new.id, new
