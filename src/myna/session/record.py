"""The record of a conversation: what of a session is kept. The session's owner alone writes to it."""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import anyio

from myna.core.commands import ROOT
from myna.core.errors import BadInput, EngineTimeout, EngineUnavailable, MynaError, UnknownName
from myna.core.events import Outcome
from myna.core.ids import MessageId
from myna.core.messages import (
    AssistantMessage,
    Conversation,
    Message,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.reply import Reply
from myna.session.consent import AGREED, Agreed, agreed_to, calls_of
from myna.session.server_calls import GOES_ON
from myna.session.turn import Turn
from myna.store.base import KeptTurn, Store

log = logging.getLogger(__name__)

KEEP_S = 1.0
"""How long keeping something may take: a session that is being closed does not wait longer for its store."""

MOST_REMEMBERED = 8
"""So many replies can be truncated after their end; clients truncate the last one."""

_WORK = (ToolCallMessage, ToolResultMessage)

TOLERANCE_MS = 100
"""A client that rounds may report so much more than it was sent."""


@dataclass(slots=True)
class Record:
    """What is kept of one conversation. The store knows of it as soon as there is something to keep.

    A greeting alone is nothing to keep yet: the store may hold it until there is more.

    Attributes:
        until_s: When all keeping has to be over, by the event loop's clock.
    """

    store: Store
    conversation: Conversation
    until_s: float = float("inf")
    _turns: OrderedDict[MessageId, Turn] = field(default_factory=OrderedDict[MessageId, Turn])
    _gone: set[MessageId] = field(default_factory=set[MessageId])
    _begun: bool = False

    async def messages(self) -> Sequence[Message]:
        """All messages, oldest first."""
        async with self._asking():
            try:
                return await self.store.messages(self.conversation.id)
            except UnknownName:  # nothing is kept of it yet
                return ()

    async def last(self) -> MessageId | None:
        """The newest message; None if there is none."""
        messages = await self.messages()
        return messages[-1].id if messages else None

    async def add(self, message: Message, after: MessageId | None = None) -> MessageId | None:
        """Keep a message, last or ``after`` another one; give the message before it.

        Raises:
            UnknownName: There is no message ``after``.
            BadInput: There is a message with its id already.
        """
        messages = await self.messages()
        if any(message.id == other.id for other in messages):
            raise BadInput(f"There is a message {message.id} already.", hint="Choose another id.")
        async with self._asking(shield=True):
            await self._begin()
            kept = after is None or any(after == other.id for other in messages)
            if after is not None and not kept and (turn := self._turn_of(after)) is not None:
                await self._place(message, turn.after)  # after a reply that still runs, or of which nothing was heard
                return after
            if after is None:
                await self.store.append(self.conversation.id, message)
                return messages[-1].id if messages else None
            await self.store.insert(self.conversation.id, message, after)
            return None if after == ROOT else after

    async def delete(self, message_id: MessageId) -> Sequence[MessageId]:
        """Forget a message; with a reply, what the server's tools did for it, and with a call, what came of it.

        Gives all that go with it, and it. Who asks for one of them afterwards is told that it is gone, as he wanted.

        Raises:
            UnknownName: There is none with this id.
        """
        turn = self._turns.pop(message_id, None)
        messages = await self.messages()
        going = belonging(messages, message_id)
        if turn is not None:
            going += [message.id for message in turn.server_calls.messages if message.id not in going]
        there = {message.id for message in messages}
        if message_id not in there and turn is None and message_id not in self._gone:
            raise UnknownName(f"The conversation has no message {message_id}.", hint="It may have been deleted.")
        async with self._asking(shield=True):
            for one in (*going, message_id):
                if one in there:
                    with suppress(UnknownName):
                        await self.store.remove(self.conversation.id, one)
        self._gone.update(going)
        return (*going, message_id)

    def begin(self, turn: Turn) -> None:
        """A reply begins: messages may follow it before it is kept."""
        self._turns[turn.reply_id] = turn
        while len(self._turns) > MOST_REMEMBERED:
            self._turns.popitem(last=False)

    def _turn_of(self, message_id: MessageId) -> Turn | None:
        """The newest turn whose reply, or whose call of a tool, has this id."""
        for turn in reversed(self._turns.values()):
            if message_id == turn.reply_id or any(message_id == called for called, _ in turn.calls):
                return turn
        return None

    async def keep_utterance(self, turn: Turn) -> None:
        """Keep what the user said."""
        if turn.utterance_id is not None:
            await self.add(UserMessage(turn.utterance_id, turn.id, turn.utterance))

    async def keep_reply(self, turn: Turn, outcome: Outcome, reply: Reply | None) -> None:
        """Keep what was answered, as far as it was heard, what the model called, and how the turn went.

        Of a reply that was taken back before anything was heard, the calls stay that had effects, or the model would
        have them run again. Those that never began go with it.
        """
        taken_back = outcome == "interrupted" and reply is None
        kept: list[Message] = [*(turn.server_calls.effects if taken_back else turn.server_calls.messages)]
        if reply is not None and outcome != "silent":
            kept.append(AssistantMessage(turn.reply_id, turn.id, reply, outcome))
        kept += [ToolCallMessage(message_id, turn.id, call) for message_id, call in turn.calls]
        began_at = datetime.now(UTC) - timedelta(seconds=anyio.current_time() - turn.began_at)
        went = KeptTurn(turn.id, outcome, began_at, dict(turn.reached_ms), tuple(turn.problems))
        async with self._asking(shield=True):
            if (turn.greets or not kept) and await self._is_new():
                greeting = next((message for message in kept if isinstance(message, AssistantMessage)), None)
                await self.store.greet(self.conversation, greeting, went)
                self._begun = True
                return
            await self._begin()
            after = turn.after
            for message in kept:
                await self._place(message, after)
                after = message.id
            await self.store.keep_turn(self.conversation.id, went)

    async def agree(self, messages: Sequence[Message]) -> list[Agreed]:
        """The calls that the newest of all ``messages`` agrees to. They are given once."""
        waiting = agreed_to(messages)
        if waiting:
            async with self._asking(shield=True):
                for one in waiting:
                    told = replace(one.message, output=AGREED.output, asks=None, failed=False)
                    await self.store.replace(self.conversation.id, told)
        return calls_of(waiting)

    async def add_result(self, message: ToolResultMessage) -> None:
        """Keep what came of a call whose reply has ended: in place of the word that it goes on, else behind the call.

        Without the call it says nothing.
        """
        waits: ToolResultMessage | None = None
        called: MessageId | None = None
        for one in await self.messages():
            if one.turn_id != message.turn_id:  # some models begin to count calls anew with each answer
                continue
            if isinstance(one, ToolCallMessage) and one.call.id == message.call_id:
                waits, called = None, one.id
            elif isinstance(one, ToolResultMessage) and (one.call_id, one.output) == (message.call_id, GOES_ON.output):
                waits = one
        async with self._asking(shield=True):
            if waits is not None:
                await self.store.replace(self.conversation.id, replace(message, id=waits.id))
            elif called is not None:
                await self._place(message, called)

    async def truncate(self, message_id: MessageId, played_ms: int) -> str:
        """Keep of a reply only what was heard in its first ``played_ms``; give that.

        Raises:
            BadInput: It has not so much audio.
            UnknownName: No such reply, or it is too long ago.
        """
        turn = self._turns.get(message_id)
        if turn is None:
            raise UnknownName(
                f"There is no reply {message_id} whose audio is known.",
                hint="Only the newest replies can be truncated.",
            )
        check_played(turn, played_ms)
        turn.set_played(played_ms)
        reply = turn.reply("interrupted")
        messages = await self.messages()
        kept = any(message.id == message_id for message in messages)
        async with self._asking(shield=True):
            if reply is None:
                if kept:
                    await self.store.remove(self.conversation.id, message_id)
                return ""
            await self._begin()
            message = AssistantMessage(message_id, turn.id, reply, "interrupted")
            if kept:
                await self.store.replace(self.conversation.id, message)
            else:
                worked = turn.server_calls.messages
                await self._place(message, worked[-1].id if worked else turn.after)
        return reply.heard

    async def _is_new(self) -> bool:
        return not self._begun and await self.store.find(self.conversation.id) is None

    async def _begin(self) -> None:
        """See that the store knows the conversation; but one that it knew and has forgotten is not brought back."""
        if await self._is_new():
            await self.store.create(self.conversation)
        self._begun = True

    async def _place(self, message: Message, after: MessageId | None) -> None:
        """Keep a message where it belongs: what was added meanwhile comes behind it."""
        try:
            await self.store.insert(self.conversation.id, message, after or ROOT)
        except UnknownName:  # what stood before it was deleted meanwhile
            await self.store.append(self.conversation.id, message)

    @asynccontextmanager
    async def _asking(self, *, shield: bool = False) -> AsyncGenerator[None]:
        """Whatever a store does or does not do, it is over within `KEEP_S`, and what went wrong is a `MynaError`."""
        longest_s = min(KEEP_S, max(0.0, self.until_s - anyio.current_time()))
        try:
            with anyio.fail_after(longest_s, shield=shield):
                yield
        except TimeoutError:
            raise EngineTimeout(
                f"The store did not answer within {longest_s:.1g} s.", hint="Look after its disk."
            ) from None
        except MynaError:
            raise
        except Exception as error:  # a door: behind it are databases, and stores of others
            log.exception("the store failed")
            raise EngineUnavailable("The store failed.", hint="The log has the details.") from error


def belonging(messages: Sequence[Message], message_id: MessageId) -> list[MessageId]:
    """What goes with a message: the calls of the server's tools before a reply, with their results; a call's result.

    A client's calls stand behind the reply, and their results are of other turns: both are the client's to delete.
    """
    place = next((place for place, message in enumerate(messages) if message.id == message_id), None)
    if place is None:
        return []
    message, behind = messages[place], messages[place + 1 :]
    if isinstance(message, AssistantMessage):
        before = reversed(messages[:place])
        own = takewhile(lambda each: isinstance(each, _WORK) and each.turn_id == message.turn_id, before)
        return [each.id for each in own][::-1]
    if isinstance(message, ToolCallMessage):
        results = (each.id for each in behind if isinstance(each, ToolResultMessage) and _answers(each, message))
        return list(islice(results, 1))
    return []


def _answers(result: ToolResultMessage, call: ToolCallMessage) -> bool:
    return (result.turn_id, result.call_id) == (call.turn_id, call.call.id)


def check_played(turn: Turn, played_ms: int) -> None:
    """See that so much of a reply can have been played.

    Raises:
        BadInput: It has not so much audio.
    """
    if played_ms < 0:
        raise BadInput(f"{played_ms} ms cannot have been played.", hint="Report 0 or more.")
    if played_ms > turn.playback.sent_ms + TOLERANCE_MS:
        raise BadInput(
            f"The reply has {turn.playback.sent_ms:.0f} ms of audio, which is less than {played_ms} ms.",
            hint="Report what was played of it.",
        )
