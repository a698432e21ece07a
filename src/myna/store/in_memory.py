"""Conversations in memory: gone when the process ends."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from myna.core.commands import ROOT
from myna.core.errors import BadInput, UnknownName
from myna.core.ids import ConversationId, MessageId, TurnId, UserId, new_conversation_id
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.store.base import Found, KeptTurn, Listed, Page, UserTurn
from myna.store.codec import said_in
from myna.store.cursors import cursor, place_in_order, place_in_time
from myna.store.words import Phrase, phrases_of, snippet, words_of

LONGEST_PREVIEW = 80

MOST_EMPTIED = 100_000
"""So many conversations are known of which nothing is kept any longer: some 50 MB."""


@dataclass(slots=True)
class _Kept:
    """A conversation with all that is kept of it.

    Attributes:
        changed_at: When it was talked in last; no two have the same.
        said_at: When each message was made.
    """

    conversation: Conversation
    begun_at: datetime
    changed_at: datetime
    messages: list[Message] = field(default_factory=list[Message])
    said_at: dict[MessageId, datetime] = field(default_factory=dict[MessageId, datetime])
    turns: dict[TurnId, KeptTurn] = field(default_factory=dict[TurnId, KeptTurn])

    @property
    def is_listed(self) -> bool:
        """Whether somebody has named it, or it has more than a greeting."""
        others = any(not isinstance(message, AssistantMessage) for message in self.messages)
        return bool(self.conversation.title) or others or len(self.messages) > 1

    def listed(self) -> Listed:
        said = [message for message in self.messages if isinstance(message, UserMessage | AssistantMessage)]
        first = next((message.text for message in self.messages if isinstance(message, UserMessage)), "")
        preview = " ".join(first.split())[:LONGEST_PREVIEW]
        return Listed(self.conversation, self.begun_at, self.changed_at, len(said), preview)


class InMemoryStore:
    """A `ConversationStore` that forgets: at most ``limit`` conversations, the one unused for longest goes first.

    Its messages go, and it is listed no longer; but somebody may be in it still, so it is known until it is deleted, or
    until `MOST_EMPTIED` others were emptied since, and is there again, empty, as soon as it is used.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._kept: OrderedDict[ConversationId, _Kept] = OrderedDict()
        self._emptied: OrderedDict[ConversationId, Conversation] = OrderedDict()
        self._changed_at = datetime.min.replace(tzinfo=UTC)

    async def create(self, conversation: Conversation) -> None:
        """Keep a new conversation."""
        if await self.find(conversation.id) is not None:
            raise BadInput(f"There is a conversation {conversation.id} already.", hint="Choose another id.")
        self._keep(conversation)

    async def greet(self, conversation: Conversation, greeting: AssistantMessage | None, turn: KeptTurn) -> None:
        """Keep a new conversation that has a greeting or nothing in it."""
        await self.take_in(conversation, (greeting,) if greeting else (), {}, (turn,))

    async def take_in(
        self,
        conversation: Conversation,
        messages: Sequence[Message],
        times: Mapping[MessageId, datetime],
        turns: Sequence[KeptTurn],
    ) -> None:
        """Keep a new conversation with all that was said in it."""
        await self.create(conversation)
        kept = self._kept[conversation.id]
        kept.messages += messages
        kept.said_at |= {message.id: times.get(message.id, kept.begun_at) for message in messages}
        kept.turns |= {turn.id: turn for turn in turns}

    async def find(self, conversation_id: ConversationId) -> Conversation | None:
        """The conversation with this id, or None."""
        kept = self._kept.get(conversation_id)
        return kept.conversation if kept else self._emptied.get(conversation_id)

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep the newest message of a conversation."""
        self._add(self._find(conversation_id), message, None)

    async def insert(self, conversation_id: ConversationId, message: Message, after: MessageId) -> None:
        """Keep a message behind another one, or first."""
        kept = self._find(conversation_id)
        self._add(kept, message, 0 if after == ROOT else _place(kept.messages, after) + 1)

    async def replace(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep a message in the place of the one that has its id."""
        kept = self._find(conversation_id)
        kept.messages[_place(kept.messages, message.id)] = message
        self._change(kept)

    async def remove(self, conversation_id: ConversationId, message_id: MessageId) -> None:
        """Forget a message."""
        kept = self._find(conversation_id)
        del kept.messages[_place(kept.messages, message_id)]
        del kept.said_at[message_id]
        self._change(kept)

    async def messages(self, conversation_id: ConversationId) -> Sequence[Message]:
        """The messages of a conversation, oldest first."""
        return tuple(self._find(conversation_id).messages)

    async def keep_turn(self, conversation_id: ConversationId, turn: KeptTurn) -> None:
        """Keep how a turn went."""
        self._find(conversation_id).turns[turn.id] = turn

    async def page(
        self, conversation_id: ConversationId, *, limit: int | None = None, before: str | None = None
    ) -> Page:
        """The newest messages, ``limit`` at most: those before ``before``, the ``previous`` of the page behind them."""
        kept = self._find(conversation_id)
        end = len(kept.messages)
        if before is not None:
            number, message_id = place_in_order(before)
            places = (place for place, message in enumerate(kept.messages) if message.id == message_id)
            end = max(0, next(places, number))
        begin = 0 if limit is None else max(0, min(end, len(kept.messages)) - limit)
        page = tuple(kept.messages[begin:end])
        times = {message.id: kept.said_at[message.id] for message in page}
        return Page(page, times, cursor(begin, page[0].id) if begin and page else None)

    async def turns(
        self, conversation_id: ConversationId, *, among: Collection[TurnId] | None = None
    ) -> Sequence[KeptTurn]:
        """How the turns of a conversation went, oldest first; only those ``among`` these, if some are given."""
        turns = self._find(conversation_id).turns.values()
        wanted = [turn for turn in turns if among is None or turn.id in among]
        return tuple(sorted(wanted, key=lambda turn: turn.began_at))

    async def list(self, user_id: UserId, *, limit: int = 50, after: str | None = None) -> Sequence[Listed]:
        """The conversations that were talked in last, ``limit`` at a time: those behind ``after``, a cursor of one."""
        before = None if after is None else place_in_time(after)[0]
        mine = [
            kept
            for kept in self._kept.values()
            if kept.conversation.user_id == user_id and kept.is_listed and (before is None or kept.changed_at < before)
        ]
        mine.sort(key=lambda kept: kept.changed_at, reverse=True)
        return tuple(kept.listed() for kept in mine[:limit])

    async def search(self, user_id: UserId, text: str, *, limit: int = 50) -> Sequence[Found]:
        """The messages that have all words of ``text``; those that have them most often, and the newest, first."""
        phrases = phrases_of(text)
        if not phrases:
            return ()
        found: list[tuple[int, datetime, int, Found]] = []
        for kept in self._kept.values():
            if kept.conversation.user_id != user_id:
                continue
            for place, message in enumerate(kept.messages):
                said = said_in(message)
                words = words_of(said)
                hits = [_count(phrase, words) for phrase in phrases]
                if all(hits):
                    at = kept.said_at[message.id]
                    found.append((sum(hits), at, place, Found(kept.conversation, message, snippet(said, text), at)))
        found.sort(key=lambda each: each[:3], reverse=True)
        return tuple(one for *_, one in found[:limit])

    async def newest_turns(self, user_id: UserId, *, limit: int = 50) -> Sequence[UserTurn]:
        """The turns that the user had last, in all conversations, the newest first."""
        found: dict[TurnId, UserTurn] = {}
        for kept in sorted(self._kept.values(), key=lambda kept: kept.begun_at):
            if kept.conversation.user_id == user_id:
                for turn in kept.turns.values():
                    found.setdefault(turn.id, UserTurn(kept.conversation, turn))
        newest = sorted(found.values(), key=lambda each: each.turn.began_at, reverse=True)
        return tuple(newest[:limit])

    async def rename(self, user_id: UserId, conversation_id: ConversationId, title: str) -> Conversation:
        """Give it a title."""
        kept = self._of(user_id, conversation_id)
        kept.conversation = replace(kept.conversation, title=title)
        return kept.conversation

    async def branch(self, user_id: UserId, conversation_id: ConversationId, after: MessageId) -> Conversation:
        """A new conversation that begins as this one does, up to and with the message ``after``."""
        kept = self._of(user_id, conversation_id)
        messages = kept.messages[: _place(kept.messages, after) + 1]
        begun = {message.turn_id for message in messages}
        branch = self._keep(replace(kept.conversation, id=new_conversation_id()))
        branch.messages += messages
        branch.said_at |= {message.id: kept.said_at[message.id] for message in messages}
        branch.turns |= {turn.id: turn for turn in kept.turns.values() if turn.id in begun}
        return branch.conversation

    async def delete(self, user_id: UserId, conversation_id: ConversationId) -> None:
        """It is gone, with its messages and turns."""
        self._of(user_id, conversation_id)
        del self._kept[conversation_id]

    def _keep(self, conversation: Conversation) -> _Kept:
        now = self._now()
        kept = self._kept[conversation.id] = _Kept(conversation, now, now)
        while len(self._kept) > self._limit:
            emptied, dropped = self._kept.popitem(last=False)
            self._emptied[emptied] = dropped.conversation
        while len(self._emptied) > MOST_EMPTIED:
            self._emptied.popitem(last=False)
        return kept

    def _find(self, conversation_id: ConversationId) -> _Kept:
        if (emptied := self._emptied.pop(conversation_id, None)) is not None:
            return self._keep(emptied)
        try:
            self._kept.move_to_end(conversation_id)
        except KeyError:
            raise _unknown(conversation_id) from None
        return self._kept[conversation_id]

    def _add(self, kept: _Kept, message: Message, place: int | None) -> None:
        if message.id in kept.said_at:
            raise BadInput("The conversation has a message with this id already.", hint="Choose another id.")
        kept.messages.insert(len(kept.messages) if place is None else place, message)
        self._change(kept)
        kept.said_at[message.id] = kept.changed_at

    def _change(self, kept: _Kept) -> None:
        kept.changed_at = self._now()

    def _now(self) -> datetime:
        """The time, later than all that were given before: lists sort by it."""
        self._changed_at = max(datetime.now(UTC), self._changed_at + timedelta(microseconds=1))
        return self._changed_at

    def _of(self, user_id: UserId, conversation_id: ConversationId) -> _Kept:
        kept = self._find(conversation_id)
        if kept.conversation.user_id != user_id:
            raise _unknown(conversation_id)
        return kept


def _unknown(conversation_id: ConversationId) -> UnknownName:
    return UnknownName(
        f"There is no conversation {conversation_id}.", hint="Start a new one; only the newest are kept."
    )


def _place(messages: Sequence[Message], message_id: MessageId) -> int:
    for place, message in enumerate(messages):
        if message.id == message_id:
            return place
    raise UnknownName(f"The conversation has no message {message_id}.", hint="It may have been deleted.")


def _count(phrase: Phrase, words: Sequence[str]) -> int:
    """How often a phrase is among the words of a message."""
    wanted = len(phrase.words)
    *firsts, last = phrase.words
    return sum(
        (word := words[end]) == last or (phrase.begins and word.startswith(last))
        for end in range(wanted - 1, len(words))
        if words[end - wanted + 1 : end] == firsts
    )
