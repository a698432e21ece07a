"""Remembering from what users say: after their turns, out of their way.

One `Remembering` per process. What the rules find is kept at once; the LLM is asked when nobody talks, one claim
after the other, and is stopped when somebody begins.
"""

import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime

import anyio

from myna.core.errors import BadInput
from myna.core.ids import MemoryId, UserId
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.engines.base import LLM
from myna.engines.task_group import open_task_group
from myna.memory.base import Memories, NewMemory, Recalled, Scope
from myna.memory.clauses import LONGEST_PLAY, begins_play
from myna.memory.comparing import keep
from myna.memory.early import Early
from myna.memory.extraction import extract
from myna.memory.forgetting import (
    Forgotten,
    Last,
    Request,
    forget_by_word,
    last_of,
    meant_by_word,
    request_in,
    withdraws,
)
from myna.memory.journal import Entry, Journal
from myna.memory.private import PrivateSession
from myna.memory.right_of_way import LONGEST_SPEECH_S, RightOfWay
from myna.memory.rules import Taken, take
from myna.memory.told import Told
from myna.store.base import Store

log = logging.getLogger(__name__)

MOST_NEW = 1_000
"""Utterances that wait for the rules; they take some milliseconds each."""
MOST_WAITING = 256
"""Utterances that wait for the LLM. For a new one the oldest waits until the next start of the process."""
STEP_S = 10.0
"""How long the rules, the comparison and the store may take for one utterance."""
LLM_S = 60.0
"""How long the LLM may take for one claim."""
RECALL_S = 0.4
"""How long a turn waits for what is remembered."""
SETTLE_S = 0.2
"""How much of that it waits until the rules are through with what the same user said before: it may be the answer."""

Now = Callable[[], date]


def today() -> date:
    """The day where the server stands."""
    return datetime.now().astimezone().date()


class Remembering:
    """Remembers from the turns of all sessions. Made by `open_remembering`.

    Attributes:
        way: Who talks. Sessions say it themselves; others may, with ``way.taken()``.
    """

    def __init__(
        self, memories: Memories, llm: Callable[[], LLM | None], journal: Journal, *, now: Now, way: RightOfWay
    ) -> None:
        self.way = way
        self._memories = memories
        self._llm = llm
        self._journal = journal
        self._now = now
        self._new: deque[Told] = deque()
        self._unread: deque[Told] = deque()
        self._keeping: Told | None = None
        self._reading: Told | None = None
        self._changing = anyio.Lock()
        self._stirred = anyio.Event()
        self._kept = anyio.Event()
        self._idle = anyio.Event()
        self._idle.set()

    def session(
        self, scope: Scope, conversation: Conversation, *, limit: int, said: Sequence[UserMessage] = ()
    ) -> "RememberedSession | PrivateSession":
        """The memory of one session; of a private conversation nothing is remembered, and nothing is told in it.

        Args:
            scope: Whose memories, and which.
            conversation: What is talked in.
            limit: How many memories a turn may be told.
            said: What the user said in it before, so that "forget what I just said", the "yes" to whether all is to be
                forgotten, and a play are known for what they are.
        """
        if conversation.private:
            return PrivateSession(self.way)
        return RememberedSession(self, self._memories, scope, conversation, limit, said)

    def early_in(self, scope: Scope, conversation: Conversation) -> Early:
        """Sums up what was said early in a conversation."""
        return Early(self._journal, scope.user_id, conversation.id)

    def take(self, told: Told) -> None:
        """Remember from an utterance, later. Never waits."""
        if len(self._new) >= MOST_NEW:
            log.warning("Too much was said at once: nothing is remembered of %s.", self._new.popleft().entry.message_id)
        self._new.append(told)
        self._stir()

    def withdraw(self, user_id: UserId) -> None:
        """Everything of this user was forgotten by other ways: what still waits of him is not remembered."""
        self._new = deque(told for told in self._new if told.entry.scope.user_id != user_id)
        for waiting in (*self._unread, self._reading, self._keeping):
            if waiting is not None and waiting.entry.scope.user_id == user_id:
                waiting.left, waiting.withdrawn = (), True

    async def settle(self, user_id: UserId) -> None:
        """Wait until the rules are through with all that this user has said, for `SETTLE_S` at most."""
        with anyio.move_on_after(SETTLE_S):
            while any(told.entry.scope.user_id == user_id for told in (*self._new, self._keeping) if told is not None):
                await self._kept.wait()

    async def idle(self) -> None:
        """Until all has been remembered from that was told."""
        await self._idle.wait()

    async def run(self, store: Store | None) -> None:
        """Remember, until cancelled. What an earlier process left is taken up first."""
        if store is not None:
            await _guarded(lambda: self._take_up(store), "take up what was left")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_by_rule)
            tasks.start_soon(self._read_with_llm)

    async def _take_up(self, store: Store) -> None:
        for left in await self._journal.left():
            entry = left.entry
            conversation = await store.find(entry.conversation_id)
            messages = await store.messages(entry.conversation_id) if conversation else ()
            said = [each for each in messages if isinstance(each, UserMessage)]
            place = next((place for place, each in enumerate(said) if each.id == entry.message_id), None)
            if place is not None:
                before = said[place - 1] if place else None
                last = last_of(before, request_in(before.text)) if before is not None else Last()
                self.take(Told(entry, said[place].text, last, noted=True, ruled=left.ruled))
            else:  # deleted meanwhile
                await self._journal.done(entry)

    # ------------------------------------------------------------------------------------------------------ by rule

    async def _keep_by_rule(self) -> None:
        while True:
            while self._new:
                told = self._keeping = self._new.popleft()
                with anyio.move_on_after(STEP_S) as step:
                    await _guarded(lambda told=told: self._keep(told), "remember by rule")
                if step.cancelled_caught:
                    log.warning("Remembering from %s took longer than %g s.", told.entry.message_id, STEP_S)
                self._keeping = None
                self._kept.set()
                self._kept = anyio.Event()
            self._rest()
            await self._stirred.wait()

    async def _keep(self, told: Told) -> None:
        """Do what an utterance asks, or keep what the rules find in it."""
        scope = told.entry.scope
        if told.used:
            await self._memories.used(scope, told.used)
        request = None if told.ruled else told.request
        taken = Taken(()) if request else take(told.text, self._now(), before=told.before)
        llm = self._llm()
        left = taken.left if llm is not None and llm.info.output_schema else ()
        if not told.noted:
            if not (request or taken.memories or left):
                return  # as of most utterances: what leaves nothing to be done need not be on disk
            await self._journal.add(told.entry)
        if request:
            async with self._changing:
                self._withdraw(told, request)
                await forget_by_word(told.text, self._memories, scope, told.last)
                if request.is_final:  # though no memory may have come of it
                    await self._journal.told_no_more(scope.user_id)
        else:
            async with self._changing:
                for new in () if told.ruled else taken.memories:
                    if not told.withdrawn:
                        await self._add(told, new)
            if left and not told.withdrawn:
                await self._journal.ruled(told.entry)
                told.left = () if told.withdrawn else left
                self._wait_for_llm(told)
                return
        await self._journal.done(told.entry)

    async def _add(self, told: Told, new: NewMemory) -> None:
        entry = told.entry
        sourced = replace(new, source=entry.message_id, conversation_id=entry.conversation_id)
        try:
            compared = await keep(self._memories, entry.scope, sourced, permitted=self._journal.permits)
        except BadInput as error:  # there are as many as are kept: it would fail at each start again
            log.warning("Nothing is remembered of %s: %s", entry.message_id, error)
        else:
            log.debug("A %s of %s is %s.", new.kind, entry.message_id, compared.verdict)

    # -------------------------------------------------------------------------------------------------- with the LLM

    def _wait_for_llm(self, told: Told) -> None:
        if len(self._unread) >= MOST_WAITING:
            given_up = self._unread.popleft()
            log.warning("Too much waits to be remembered: %s waits for the next start.", given_up.entry.message_id)
        self._unread.append(told)
        self._stir()

    async def _read_with_llm(self) -> None:
        while True:
            while self._unread:
                told = self._reading = self._unread.popleft()
                await _guarded(lambda told=told: self._read(told), "remember with the LLM")
                await _guarded(lambda told=told: self._journal.done(told.entry), "note that it is done")
                self._reading = None
            self._rest()
            await self._stirred.wait()

    async def _read(self, told: Told) -> None:
        for claim in told.left:
            new = await self._asked(told, claim)
            async with self._changing:
                if new is not None and told.left:
                    await self._add(told, new)

    async def _asked(self, told: Told, claim: str) -> NewMemory | None:
        """What the LLM makes of a claim, as soon as nobody talks for long enough; None too if it was withdrawn."""
        while True:
            await self.way.wait()
            llm = self._llm()
            if llm is None or not told.left:
                return None
            async with self.way.work(LLM_S) as work:
                return await extract(llm, claim, self._now())
            if work.deadline <= anyio.current_time():
                log.info("The LLM took longer than %g s to remember.", LLM_S)
                return None

    # ----------------------------------------------------------------------------------------------------- the queue

    def _withdraw(self, told: Told, request: Request) -> None:
        """What is forgotten is not remembered afterwards from what still waits for the LLM."""
        for waiting in [*self._unread, *([self._reading] if self._reading else [])]:
            entry = waiting.entry
            if entry.scope.user_id == told.entry.scope.user_id and withdraws(
                request, told.last, entry.message_id, waiting.text
            ):
                waiting.left = ()

    def _stir(self) -> None:
        if self._idle.is_set():
            self._idle = anyio.Event()
        self._stirred.set()
        self._stirred = anyio.Event()

    def _rest(self) -> None:
        if not (self._new or self._keeping or self._unread or self._reading):
            self._idle.set()


class RememberedSession:
    """What one session remembers; a `myna.memory.base.SessionMemory`. Made by `Remembering.session`."""

    def __init__(
        self,
        remembering: Remembering,
        memories: Memories,
        scope: Scope,
        conversation: Conversation,
        limit: int,
        said: Sequence[UserMessage],
    ) -> None:
        self._remembering = remembering
        self._memories = memories
        self._scope = scope
        self._conversation = conversation
        self._limit = limit
        self._early = remembering.early_in(scope, conversation)
        self._last = Last()
        self._recalled: Sequence[Recalled] = ()
        self._before = ""
        self._played = 0
        self._speech = object()  # who talks while he speaks; a turn, which may end meanwhile, is the session itself
        for message in said[-LONGEST_PLAY:]:
            self._follow(message, request_in(message.text))

    def listen(self, *, speaking: bool) -> None:
        """Whether the user speaks: then the LLM does not remember. It is believed for `LONGEST_SPEECH_S`."""
        if speaking:
            self._remembering.way.begin(self._speech, LONGEST_SPEECH_S)
        else:
            self._remembering.way.end(self._speech)

    async def recall(self, text: str) -> Sequence[Recalled]:
        """What fits the newest utterance. Never fails; gives nothing where memory does not answer in time."""
        self._remembering.way.begin(self)
        self._recalled = ()
        with anyio.move_on_after(RECALL_S):
            await _guarded(lambda: self._recall(text), "recall")
        return self._recalled

    async def _recall(self, text: str) -> None:
        await self._remembering.settle(self._scope.user_id)
        self._recalled = await self._memories.recall(self._scope, text, limit=self._limit)

    async def to_forget(self, text: str) -> Forgotten | None:
        """What an utterance asks to be forgotten, with a note for the prompt; None if it asks for no such thing.

        Nothing is gone yet: the turn may never come to be. It is when the turn is `told`. Never fails.
        """
        self._remembering.way.begin(self)
        found: list[Forgotten | None] = [None]

        async def find() -> None:
            found[0] = await meant_by_word(text, self._memories, self._scope, self._last)

        if request_in(text, asked_everything=self._last.asked_everything) is not None:
            with anyio.move_on_after(RECALL_S):
                await _guarded(find, "find what is to be forgotten")
        return found[0]

    async def early(self, left_out: Sequence[Message], after: Sequence[Message], *, most_tokens: int) -> str:
        """What is told of the messages that a prompt leaves out. Never fails; "" where that takes long."""
        return await self._early.summary(left_out, after, most_tokens=most_tokens)

    def told(self, messages: Sequence[Message]) -> None:
        """A turn has ended with these messages, the utterance first: remember from them later, out of its way."""
        self._remembering.way.end(self)
        used = [each.memory.id for each in self._recalled]
        self._recalled = ()
        for message in messages:
            if isinstance(message, UserMessage) and message.text.strip():
                self._tell(message, used)
                used = []
            elif isinstance(message, AssistantMessage):
                self._before = message.reply.heard

    def _tell(self, message: UserMessage, used: Sequence[MemoryId]) -> None:
        entry = Entry(self._scope, self._conversation.id, message.id)
        told = Told(entry, message.text, self._last, self._before, used)
        request = told.request
        self._follow(message, request)
        if not self._played or request is not None or "记" in message.text or "remember" in message.text.casefold():
            self._remembering.take(told)

    def _follow(self, message: UserMessage, request: Request | None) -> None:
        self._played = LONGEST_PLAY if begins_play(message.text) else max(0, self._played - 1)
        self._last = last_of(message, request)


async def _guarded(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Do it; what fails is logged, and the next utterance goes on."""
    try:
        await work()
    except Exception:  # a door: behind it are databases, engines and vectors, and nobody waits for the result
        log.exception("Memory could not %s.", what)


@asynccontextmanager
async def open_remembering(
    memories: Memories,
    llm: Callable[[], LLM | None],
    journal: Journal,
    *,
    store: Store | None = None,
    now: Now = today,
    way: RightOfWay | None = None,
) -> AsyncGenerator[Remembering]:
    """Remember in the background while it is open.

    Args:
        memories: Where memories are kept.
        llm: Gives the one that is there now; None: rules alone.
        journal: Keeps what is not remembered from when the process ends.
        store: Has the messages that the journal names; None: what an earlier process left is let be.
        now: Tells which day it is, for "tomorrow".
        way: Who talks, where others than sessions say so too.
    """
    remembering = Remembering(memories, llm, journal, now=now, way=way or RightOfWay())
    async with open_task_group() as tasks:
        tasks.start_soon(remembering.run, store)
        try:
            yield remembering
        finally:
            tasks.cancel_scope.cancel()
