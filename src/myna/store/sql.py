"""Conversations in a database: they outlive the process."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
from sqlalchemy import Connection, bindparam, delete, insert, literal, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from myna.core.commands import ROOT
from myna.core.errors import BadInput, UnknownName
from myna.core.ids import ConversationId, MessageId, TurnId, UserId, new_conversation_id
from myna.core.messages import AssistantMessage, Conversation, Message
from myna.store import rows, search
from myna.store.base import Found, KeptTurn, Listed, Page, UserTurn
from myna.store.cache import MessageCache
from myna.store.codec import body_of, is_storable, kind_of, message_of, said_in
from myna.store.cursors import place_in_order, place_in_time
from myna.store.database import Database
from myna.store.listing import said_of
from myna.store.newest import newest_turns
from myna.store.paging import is_listed, page_of
from myna.store.places import HERE, behind, row_of
from myna.store.prepared import Prepared
from myna.store.tables import Instant, conversations, messages, turns
from myna.store.taking_in import take_in
from myna.store.words import snippet

MOST_GIVEN = 1_000_000
"""A limit above counts as this one: databases know none above 2^63."""

SWEEP_S = 0.4
"""So long a session that removes a message waits for its words to be gone from SQLite's index, in seconds: below some
20,000 messages it takes less; above, single words of it may stay there until a conversation is deleted."""


class SQLStore:
    """A `ConversationStore` in SQLite or PostgreSQL. Any number of processes may use one database.

    A message survives the end of the process as soon as its method has returned; of the power see `database`. What is
    deleted is gone from the file, from the index and from the backups that Myna made. Private conversations are not
    taken: the server has them in an `InMemoryStore`, and nothing of them comes here.

    The messages of conversations that are talked in are held in memory as well, with the revision that the database
    had; it is asked for its own each time, so what other processes write is seen at once.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._cache = MessageCache()

    async def create(self, conversation: Conversation) -> None:
        """Keep a new conversation.

        Raises:
            BadInput: It is private, its id is taken, or it has a character that no database takes.
        """
        _check(conversation)
        try:
            revision = await self.database.writing(partial(rows.create, conversation=conversation))
        except IntegrityError:
            raise _taken(conversation.id) from None
        self._cache.put(conversation.id, revision, ())

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
        """Keep a new conversation with all that was said in it. Nobody sees it before all of it is there.

        Raises:
            BadInput: It is private, its id is taken, or it has a character that no database takes.
        """
        _check(conversation)
        try:
            await take_in(self.database, conversation, messages, times, turns)
        except IntegrityError:
            raise _taken(conversation.id) from None

    async def find(self, conversation_id: ConversationId) -> Conversation | None:
        """The conversation with this id, or None."""
        row = await self._find(conversation_id)
        return None if row is None else _conversation(row)

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep the newest message of a conversation.

        Raises:
            BadInput: It has a message with this id already.
        """

        def work(connection: Connection) -> None:
            rows.add(self.database, connection, conversation_id, message)

        await self._change(conversation_id, work, lambda known: (*known, message))

    async def insert(self, conversation_id: ConversationId, message: Message, after: MessageId) -> None:
        """Keep a message behind another one, or before all others if ``after`` is `myna.core.commands.ROOT`.

        Raises:
            UnknownName: No such message.
            BadInput: It has a message with this id already.
        """

        def work(connection: Connection) -> None:
            position = behind(connection, conversation_id, after)
            rows.add(self.database, connection, conversation_id, message, position)

        def inserted(known: Sequence[Message]) -> Sequence[Message]:
            place = 0 if after == ROOT else next(place for place, one in enumerate(known, 1) if one.id == after)
            return (*known[:place], message, *known[place:])

        await self._change(conversation_id, work, inserted)

    async def replace(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep a message in the place of the one that has its id.

        Raises:
            UnknownName: No such message.
        """

        def work(connection: Connection) -> None:
            number, _ = row_of(connection, conversation_id, message.id)
            changed = {"turn_id": message.turn_id, "kind": kind_of(message), "body": body_of(message)}
            connection.execute(update(messages).where(messages.c.number == number).values(changed))
            search.remove(self.database, connection, number)
            search.add(self.database, connection, number, said_in(message))

        rows.check(message.turn_id)
        await self._change(
            conversation_id, work, lambda known: [message if one.id == message.id else one for one in known]
        )

    async def remove(self, conversation_id: ConversationId, message_id: MessageId) -> None:
        """Forget a message.

        Raises:
            UnknownName: No such message.
        """

        def work(connection: Connection) -> None:
            number, _ = row_of(connection, conversation_id, message_id)
            self.database.mark_traces(connection)
            search.remove(self.database, connection, number)
            connection.execute(delete(messages).where(messages.c.number == number))

        await self._change(conversation_id, work, lambda known: [one for one in known if one.id != message_id])
        with anyio.move_on_after(SWEEP_S):
            await search.purge(self.database)
        await self.database.leave_no_trace()

    async def messages(self, conversation_id: ConversationId) -> Sequence[Message]:
        """The messages of a conversation, oldest first."""
        row = await self._find(conversation_id)
        if row is None:
            raise _unknown(conversation_id)
        if (known := self._cache.get(conversation_id, row[4])) is not None:
            return known

        def work(connection: Connection) -> tuple[int, Sequence[Message]]:
            found = connection.execute(_MESSAGES.where(conversations.c.id == conversation_id)).all()
            if not found:
                raise _unknown(conversation_id)
            told = (message_of(row.kind, row.id, row.turn_id, row.body) for row in found if row.id is not None)
            return found[0].revision, tuple(told)

        revision, read = await self.database.reading(work)
        self._cache.put(conversation_id, revision, read)
        return read

    async def keep_turn(self, conversation_id: ConversationId, turn: KeptTurn) -> None:
        """Keep how a turn went."""
        kept = rows.turn_row(turn)

        def work(connection: Connection) -> None:
            _lock(connection, conversation_id)
            if not _CHANGE_TURN.run(connection, {HERE: conversation_id, "of": turn.id} | kept):
                _ADD_TURN.run(connection, {"conversation_id": conversation_id, "id": turn.id} | kept)

        await self.database.writing(work)

    async def page(
        self, conversation_id: ConversationId, *, limit: int | None = None, before: str | None = None
    ) -> Page:
        """The newest messages, ``limit`` at most: those before ``before``, the ``previous`` of the page behind them."""
        place = None if before is None else place_in_order(before)
        most = None if limit is None else min(limit, MOST_GIVEN)
        if await self._find(conversation_id) is None:
            raise _unknown(conversation_id)
        return await self.database.reading(lambda connection: page_of(connection, conversation_id, most, place))

    async def turns(
        self, conversation_id: ConversationId, *, among: Collection[TurnId] | None = None
    ) -> Sequence[KeptTurn]:
        """How the turns of a conversation went, oldest first; only those ``among`` these, if some are given."""
        if await self._find(conversation_id) is None:
            raise _unknown(conversation_id)
        kept = select(turns).where(turns.c.conversation_id == conversation_id)
        if among is not None:
            kept = kept.where(turns.c.id.in_(among))
        kept = kept.order_by(turns.c.began_at, turns.c.number)
        read = await self.database.reading(lambda connection: connection.execute(kept).all())
        return tuple(map(rows.turn_of, read))

    async def list(self, user_id: UserId, *, limit: int = 50, after: str | None = None) -> Sequence[Listed]:
        """The conversations that were talked in last, ``limit`` at a time: those behind ``after``, a cursor of one."""
        place = None if after is None else place_in_time(after)
        if not is_storable(user_id):
            return ()
        columns = conversations.c
        wanted = select(conversations).where(columns.user_id == user_id, is_listed())
        wanted = wanted.order_by(columns.changed_at.desc(), columns.id.desc()).limit(min(limit, MOST_GIVEN))
        if place is not None:
            at, name = place
            wanted = wanted.where(tuple_(columns.changed_at, columns.id) < tuple_(literal(at, Instant), literal(name)))

        def work(connection: Connection) -> Sequence[Listed]:
            found = connection.execute(wanted).all()
            said = said_of(connection, [row.id for row in found])
            return tuple(
                Listed(rows.conversation_of(row), row.begun_at, row.changed_at, *said.get(row.id, (0, "")))
                for row in found
            )

        return await self.database.reading(work)

    async def search(self, user_id: UserId, text: str, *, limit: int = 50) -> Sequence[Found]:
        """The messages that have all words of ``text``, the best first; words of two characters are found too."""
        if not is_storable(user_id):
            return ()

        def work(connection: Connection) -> Sequence[Found]:
            found: list[Found] = []
            for row in search.find(self.database, connection, user_id, text, min(limit, MOST_GIVEN)):
                message = message_of(row.kind, row.id, row.turn_id, row.body)
                told = Conversation(ConversationId(row.conversation_id), row.persona_id, UserId(row.user_id), row.title)
                found.append(Found(told, message, snippet(said_in(message), text), row.said_at))
            return tuple(found)

        return await self.database.reading(work)

    async def newest_turns(self, user_id: UserId, *, limit: int = 50) -> Sequence[UserTurn]:
        """The turns that the user had last, in all conversations, the newest first."""
        if not is_storable(user_id):
            return ()
        wanted = min(limit, MOST_GIVEN)
        return await self.database.reading(lambda connection: newest_turns(connection, user_id, wanted))

    async def rename(self, user_id: UserId, conversation_id: ConversationId, title: str) -> Conversation:
        """Give it a title."""
        rows.check(title)

        def work(connection: Connection) -> Conversation:
            conversation = _lock(connection, conversation_id, user_id)
            connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(title=title))
            return replace(conversation, title=title)

        return await self.database.writing(work)

    async def branch(self, user_id: UserId, conversation_id: ConversationId, after: MessageId) -> Conversation:
        """A new conversation that begins as this one does, up to and with the message ``after``.

        Its messages have the ids and the times that they have here; how their turns went is known of it too.
        """

        def work(connection: Connection) -> Conversation:
            new = replace(_lock(connection, conversation_id, user_id), id=new_conversation_id())
            _, position = row_of(connection, conversation_id, after)
            rows.create(connection, new)
            early = messages.c.position <= position
            rows.copy(connection, messages, conversation_id, new.id, early)
            spoken = select(messages.c.turn_id).where(messages.c.conversation_id == new.id)
            rows.copy(connection, turns, conversation_id, new.id, turns.c.id.in_(spoken))
            search.copy(self.database, connection, conversation_id, new.id)
            return new

        return await self.database.writing(work)

    async def delete(self, user_id: UserId, conversation_id: ConversationId) -> None:
        """It is gone, with its messages and turns."""

        def work(connection: Connection) -> None:
            _lock(connection, conversation_id, user_id)
            self.database.mark_traces(connection)
            search.remove_all(self.database, connection, conversation_id)
            connection.execute(delete(conversations).where(conversations.c.id == conversation_id))

        await self.database.writing(work)
        self._cache.drop(conversation_id)
        await search.purge(self.database)
        await self.database.leave_no_trace()

    async def _find(self, conversation_id: ConversationId) -> Sequence[Any] | None:
        """Its id, persona, user, title and revision."""
        if not is_storable(conversation_id):
            return None
        if (seen := self.database.glance(_GLANCE, conversation_id)) is not None:
            return seen[0] if seen else None
        wanted = _CONVERSATION.where(conversations.c.id == conversation_id)
        return await self.database.reading(lambda connection: connection.execute(wanted).first())

    async def _change(
        self,
        conversation_id: ConversationId,
        work: Callable[[Connection], None],
        changed: Callable[[Sequence[Message]], Sequence[Message]],
    ) -> None:
        """Change the messages of a conversation, alone; ``changed`` does it to those that are in memory."""
        if not is_storable(conversation_id):
            raise _unknown(conversation_id)
        here = {HERE: conversation_id, "changed_at": datetime.now(UTC)}

        def run(connection: Connection) -> int:
            changed = _CHANGE.first(connection, here)
            if changed is None:
                raise _unknown(conversation_id)
            work(connection)
            return changed[0]

        try:
            revision = await self.database.writing(run)
        except IntegrityError:
            raise BadInput("The conversation has a message with this id already.", hint="Choose another id.") from None
        if (known := self._cache.get(conversation_id, revision - 1)) is not None:
            self._cache.put(conversation_id, revision, changed(known))


# Statements of every turn are made once: to make them anew takes nearly as long as what they do.
_HEAD = ("id", "persona_id", "user_id", "title", "revision")
_GLANCE = f"SELECT {', '.join(_HEAD)} FROM conversations WHERE id = ?"  # noqa: S608 - ours
_CHANGE = Prepared(
    update(conversations)
    .where(conversations.c.id == bindparam(HERE))
    .values(revision=conversations.c.revision + 1)
    .returning(conversations.c.revision),
    "changed_at",
)
_CONVERSATION = select(*(conversations.c[name] for name in _HEAD))
_LOCK = Prepared(_CONVERSATION.where(conversations.c.id == bindparam(HERE)).with_for_update())
_WENT = ("outcome", "began_at", "reached_ms", "problems")
_CHANGE_TURN = Prepared(
    update(turns).where(turns.c.conversation_id == bindparam(HERE), turns.c.id == bindparam("of")), *_WENT
)
_ADD_TURN = Prepared(insert(turns), "conversation_id", "id", *_WENT)
# One statement, so that the revision is that of the messages; without any, there is a row without a message.
_MESSAGES = (
    select(conversations.c.revision, messages.c.kind, messages.c.id, messages.c.turn_id, messages.c.body)
    .select_from(conversations.outerjoin(messages))
    .order_by(messages.c.position)
)


def _lock(connection: Connection, conversation_id: ConversationId, user_id: UserId | None = None) -> Conversation:
    """The conversation, which nobody else changes until the transaction ends."""
    row = _LOCK.first(connection, {HERE: conversation_id}) if is_storable(conversation_id) else None
    if row is None or user_id not in (None, row[2]):
        raise _unknown(conversation_id)
    return _conversation(row)


def _conversation(row: Sequence[Any]) -> Conversation:
    """The conversation in a row of `_HEAD`."""
    return Conversation(ConversationId(row[0]), row[1], UserId(row[2]), row[3])


def _check(conversation: Conversation) -> None:
    if conversation.private:
        raise BadInput("A private conversation is not kept.", hint="Use an InMemoryStore for it.")
    rows.check(conversation.id, conversation.user_id, conversation.persona_id, conversation.title)


def _taken(conversation_id: ConversationId) -> BadInput:
    return BadInput(f"There is a conversation {conversation_id} already.", hint="Choose another id.")


def _unknown(conversation_id: ConversationId) -> UnknownName:
    return UnknownName(f"There is no conversation {conversation_id}.", hint="It may have been deleted.")
