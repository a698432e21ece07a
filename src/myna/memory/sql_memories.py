"""Memories in SQL, which are the truth; an index of vectors beside them finds them by meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import anyio
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from myna.core.errors import BadInput, UnknownName
from myna.core.ids import ConversationId, MemoryId, MessageId, UserId, new_memory_id
from myna.memory.base import Actor, Audited, Change, Memory, NewMemory, Recalled, Scope
from myna.memory.index import VectorIndex
from myna.memory.journal import no_longer, to_remember, waits
from myna.memory.options import LONGEST_TEXT, MemoryOptions
from myna.memory.recall import Candidate, nearest, recalled
from myna.memory.tables import audit, memories, vector_work, words
from myna.memory.vectors.base import Near
from myna.memory.words import first_words_of, same_text, shared, weights, words_of
from myna.store.cursors import place_in_time
from myna.store.database import Database

CANDIDATES = 24
"""So many are looked at by meaning, and as many by words."""
COMMON = 200
"""A word that more of a user's memories have finds none of them by itself."""
MOST_AUDITED = 1000
"""Lines of the audit trail of one user; the oldest go first."""

_Gone: TypeAlias = dict[Scope, list[MemoryId]]


@dataclass(frozen=True, slots=True)
class _Question:
    """The words of a question with their weights, and the memories that have them."""

    words: Mapping[str, float]
    found: Sequence[MemoryId]


class SQLMemories:
    """A `myna.memory.base.Memories`. Made by `open_memories`.

    Attributes:
        index: The vectors, and how they stand.
    """

    def __init__(self, database: Database, options: MemoryOptions, index: VectorIndex) -> None:
        self.index = index
        self._database = database
        self._options = options

    async def add(self, scope: Scope, new: NewMemory, *, actor: Actor = "user") -> Memory:
        """Keep a new memory; one with the same text is given back as it is, surer."""
        text = _checked(new.text)
        async with self._database.write() as connection:
            await self._alone(connection, scope.user_id)
            kept = await self._add_in(connection, scope, text, new, actor)
        self.index.work()
        return kept

    async def remember(
        self, scope: Scope, new: NewMemory, *, instead_of: Sequence[Memory] = (), permitted: bool = False
    ) -> Memory | None:
        """Myna keeps what it took from a message, and forgets what that replaces, in one step."""
        text = _checked(new.text)
        gone: _Gone = {}
        async with self._database.write() as connection:
            await self._alone(connection, scope.user_id)
            if permitted and not await waits(connection, scope.user_id, new):
                return None
            if instead_of:
                unchanged = or_(*(and_(memories.c.id == old.id, memories.c.text == old.text) for old in instead_of))
                these = and_(_in(scope), memories.c.folded != same_text(text), ~memories.c.pinned, unchanged)
                gone = await self._forget_in(connection, scope.user_id, these, "myna")
            kept = await self._add_in(connection, scope, text, new, "myna")
        await self._forgotten(gone)
        self.index.work()
        return kept

    async def find(self, scope: Scope, memory_id: MemoryId) -> Memory:
        """The memory with this id."""
        async with self._database.read() as connection:
            return await _find(connection, scope, memory_id)

    async def all(self, scope: Scope, *, limit: int = 100, after: str | None = None) -> Sequence[Memory]:
        """The newest, ``limit`` at a time: those older than ``after``, a cursor of one that may be forgotten since."""
        columns = memories.c
        wanted = select(memories).where(_in(scope)).order_by(columns.created_at.desc(), columns.number.desc())
        wanted = wanted.limit(limit)
        if after is not None:
            at, memory_id = place_in_time(after)
            last = select(columns.number).where(_in(scope), columns.id == memory_id).scalar_subquery()
            older = or_(columns.created_at < at, and_(columns.created_at == at, columns.number < last))
            wanted = wanted.where(older)
        async with self._database.read() as connection:
            return [_memory(row) for row in await connection.execute(wanted)]

    async def recall(self, scope: Scope, text: str, *, limit: int) -> Sequence[Recalled]:
        """What fits ``text``, the pinned ones first, then the best; nothing else."""
        if limit < 1:
            return []
        return recalled(await self._candidates(scope, text, pinned=limit), limit, datetime.now(UTC))

    async def nearest(self, scope: Scope, text: str, *, limit: int) -> Sequence[Recalled]:
        """The memories that are most like ``text``, however little."""
        if limit < 1:
            return []
        return nearest(await self._candidates(scope, text, least=limit), limit)

    async def used(self, scope: Scope, memory_ids: Sequence[MemoryId]) -> None:
        """They went into a prompt."""
        if not memory_ids:
            return
        these = and_(_in(scope), memories.c.id.in_(memory_ids))
        used = update(memories).where(these).values(uses=memories.c.uses + 1, used_at=datetime.now(UTC))
        await self._database.writing(lambda connection: connection.execute(used).close())

    async def edit(self, scope: Scope, memory_id: MemoryId, text: str, *, actor: Actor = "user") -> Memory:
        """Say it otherwise.

        Raises:
            BadInput: Another memory says this already.
        """
        text = _checked(text)
        async with self._database.write() as connection:
            await self._alone(connection, scope.user_id)
            await _find(connection, scope, memory_id)
            folded = same_text(text)
            other = select(memories.c.id).where(_in(scope), memories.c.folded == folded, memories.c.id != memory_id)
            if (await connection.execute(other)).first() is not None:
                raise BadInput("There is a memory with this text already.", hint="Forget one of the two.")
            await connection.execute(
                update(memories)
                .where(_in(scope), memories.c.id == memory_id)
                .values(text=text, folded=folded, changed_at=datetime.now(UTC), version=memories.c.version + 1)
            )
            await connection.execute(delete(words).where(words.c.memory_id == memory_id))
            await _index_words(connection, scope, memory_id, text)
            await self._to_embed(connection, scope, [memory_id])
            await _note(connection, scope.user_id, [memory_id], "edited", actor, text)
            kept = await _find(connection, scope, memory_id)
        self.index.work()
        return kept

    async def pin(self, scope: Scope, memory_id: MemoryId, *, pinned: bool = True) -> Memory:
        """Pin it, or no longer."""
        async with self._database.write() as connection:
            was = await _find(connection, scope, memory_id)
            if was.pinned is not pinned:
                await connection.execute(
                    update(memories).where(_in(scope), memories.c.id == memory_id).values(pinned=pinned)
                )
                change: Change = "pinned" if pinned else "unpinned"
                await _note(connection, scope.user_id, [memory_id], change, "user", was.text)
            return await _find(connection, scope, memory_id)

    async def forget(self, scope: Scope, memory_ids: Sequence[MemoryId], *, actor: Actor = "user") -> int:
        """They are gone: text, vectors and Myna's own backups. Gives how many there were."""
        if not memory_ids:
            return 0
        portions = _portions(list(dict.fromkeys(memory_ids)))
        gone = [
            await self._forget(scope.user_id, and_(_in(scope), memories.c.id.in_(some)), actor) for some in portions
        ]
        return sum(gone)

    async def forget_all(self, user_id: UserId) -> int:
        """Everything of this user is gone, in all scopes. Gives how many there were."""
        async with self._database.write() as connection:
            await self._alone(connection, user_id)
            await no_longer(connection, user_id)
            gone = await self._forget_in(connection, user_id, memories.c.user_id == user_id, "user")
        await self._forgotten(gone)
        return sum(map(len, gone.values()))

    async def audit(self, user_id: UserId, *, limit: int = 100) -> Sequence[Audited]:
        """What was done to the memories of this user, the newest first."""
        wanted = select(audit).where(audit.c.user_id == user_id).order_by(audit.c.number.desc()).limit(limit)
        async with self._database.read() as connection:
            return [
                Audited(row.at, row.change, row.actor, MemoryId(row.memory_id), row.text)
                for row in await connection.execute(wanted)
            ]

    async def _add_in(
        self, connection: AsyncConnection, scope: Scope, text: str, new: NewMemory, actor: Actor
    ) -> Memory:
        same = and_(_in(scope), memories.c.folded == same_text(text))
        row = (await connection.execute(select(memories).where(same))).first()
        if row is not None:
            sure = max(row.confidence, new.confidence)
            await connection.execute(update(memories).where(same).values(confidence=sure))
            return _memory((await connection.execute(select(memories).where(same))).one())
        await self._check_room(connection, scope)
        now, memory_id = datetime.now(UTC), new_memory_id()
        await connection.execute(
            insert(memories).values(
                id=memory_id,
                user_id=scope.user_id,
                persona_id=scope.persona_id or "",
                text=text,
                folded=same_text(text),
                kind=new.kind,
                confidence=min(1.0, max(0.0, new.confidence)),
                pinned=False,
                source=new.source,
                conversation_id=new.conversation_id,
                created_at=now,
                changed_at=now,
                version=1,
                uses=0,
            )
        )
        await _index_words(connection, scope, memory_id, text)
        await self._to_embed(connection, scope, [memory_id])
        await _note(connection, scope.user_id, [memory_id], "added", actor, text)
        return await _find(connection, scope, memory_id)

    async def _forget(self, user_id: UserId, these: ColumnElement[bool], actor: Actor) -> int:
        async with self._database.write() as connection:
            await self._alone(connection, user_id)
            if actor == "user":  # what waits to be remembered from the same messages would bring it back
                sources = select(memories.c.source).where(these, memories.c.source.is_not(None))
                await no_longer(connection, user_id, to_remember.c.message_id.in_(sources))
            gone = await self._forget_in(connection, user_id, these, actor)
        await self._forgotten(gone)
        return sum(map(len, gone.values()))

    async def _forget_in(
        self, connection: AsyncConnection, user_id: UserId, these: ColumnElement[bool], actor: Actor
    ) -> _Gone:
        gone: _Gone = {}
        for row in await connection.execute(select(memories.c.id, memories.c.persona_id).where(these)):
            gone.setdefault(Scope(user_id, row.persona_id or None), []).append(MemoryId(row.id))
        if gone:
            await connection.run_sync(self._database.mark_traces)
        for scope, memory_ids in gone.items():
            for some in _portions(memory_ids):
                for table, column in ((memories, memories.c.id), (words, words.c.memory_id)):
                    await connection.execute(delete(table).where(column.in_(some)))
                await connection.execute(update(audit).where(audit.c.memory_id.in_(some)).values(text=None))
                await self._to_embed(connection, scope, some)
            await _note(connection, user_id, memory_ids, "forgotten", actor, None)
        return gone

    async def _forgotten(self, gone: _Gone) -> None:
        for scope, memory_ids in gone.items():
            await self.index.drop(scope, memory_ids)
        if gone:
            await self._database.leave_no_trace()

    async def _alone(self, connection: AsyncConnection, user_id: UserId) -> None:
        """Nobody else adds or edits memories of this user until the transaction ends; SQLite has one writer anyway."""
        if not self._database.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"myna memories {user_id}"))))

    async def _to_embed(self, connection: AsyncConnection, scope: Scope, memory_ids: Sequence[MemoryId]) -> None:
        """Note that the vectors have to be brought in line with these memories."""
        await connection.execute(delete(vector_work).where(vector_work.c.memory_id.in_(memory_ids)))
        if self._options.vectors == "none":  # when there are some again, all are compared
            return
        rows = [
            {"memory_id": memory_id, "user_id": scope.user_id, "persona_id": scope.persona_id or ""}
            for memory_id in memory_ids
        ]
        await connection.execute(insert(vector_work), rows)

    async def _check_room(self, connection: AsyncConnection, scope: Scope) -> None:
        count = select(func.count()).select_from(memories).where(memories.c.user_id == scope.user_id)
        if (await connection.execute(count)).scalar_one() >= self._options.most_memories:
            raise BadInput(
                f"There are {self._options.most_memories} memories, and no more are kept for one user.",
                hint="Forget some first, or raise memory.most_memories.",
            )

    async def _candidates(self, scope: Scope, text: str, *, pinned: int = 0, least: int = 0) -> Sequence[Candidate]:
        """What may fit; up to ``pinned`` of the pinned ones; ``least`` memories at least, if there are so many."""
        text, most = _clean(text), max(CANDIDATES, least)
        near: dict[MemoryId, Near] = {}
        question = _Question({}, ())

        async def by_meaning() -> None:
            near.update({each.memory_id: each for each in await self.index.near(scope, text, most) or ()})

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(by_meaning)
            question = await self._database.reading(lambda connection: _by_words(connection, scope, text, most))
        # The others are not nearer than the last of these; if it was not cut off, the others have no vector yet.
        far = min(each.cosine for each in near.values()) if len(near) >= most else None
        wanted = {*near, *question.found}
        select_newest = select(memories).where(_in(scope)).order_by(memories.c.number.desc())

        def read(connection: Connection) -> Sequence[Row[Any]]:
            return [
                *connection.execute(select(memories).where(_in(scope), memories.c.id.in_(wanted))),
                *connection.execute(select_newest.where(memories.c.pinned).limit(pinned)),
                *(connection.execute(select_newest.limit(least - len(wanted))) if len(wanted) < least else ()),
            ]

        rows = await self._database.reading(read)

        def cosine(row: Row[Any]) -> float | None:
            found = near.get(row.id)  # by the text before an edit, perhaps
            return far if found is None else found.cosine if found.version == row.version else None

        return [
            Candidate(_memory(row), shared(question.words, words_of(row.text)), cosine(row))
            for row in {row.id: row for row in rows}.values()
        ]


def _by_words(connection: Connection, scope: Scope, text: str, most: int) -> _Question:
    asked = first_words_of(text)
    if not asked:
        return _Question({}, ())
    here = and_(words.c.user_id == scope.user_id, words.c.persona_id == (scope.persona_id or ""))
    counted = select(words.c.word, func.count()).where(here, words.c.word.in_(asked)).group_by(words.c.word)
    known: dict[str, int] = {row[0]: row[1] for row in connection.execute(counted)}
    everything = select(func.count()).select_from(memories).where(_in(scope))
    weighed = weights(asked, known, connection.execute(everything).scalar_one())
    rare = [word for word, count in known.items() if count <= COMMON]
    sums: dict[MemoryId, float] = {}
    for row in connection.execute(select(words.c.memory_id, words.c.word).where(here, words.c.word.in_(rare))):
        sums[row[0]] = sums.get(row[0], 0.0) + weighed[row[1]]
    return _Question(weighed, sorted(sums, key=lambda memory_id: (-sums[memory_id], memory_id))[:most])


async def _find(connection: AsyncConnection, scope: Scope, memory_id: MemoryId) -> Memory:
    row = (await connection.execute(select(memories).where(_in(scope), memories.c.id == memory_id))).first()
    if row is None:
        raise UnknownName(f"There is no memory {memory_id!r}.", hint="`myna memory list` shows which there are.")
    return _memory(row)


async def _index_words(connection: AsyncConnection, scope: Scope, memory_id: MemoryId, text: str) -> None:
    rows = [
        {"user_id": scope.user_id, "persona_id": scope.persona_id or "", "word": word, "memory_id": memory_id}
        for word in sorted(words_of(text))
    ]
    if rows:
        await connection.execute(insert(words), rows)


async def _note(
    connection: AsyncConnection,
    user_id: UserId,
    memory_ids: Sequence[MemoryId],
    change: Change,
    actor: Actor,
    text: str | None,
) -> None:
    now = datetime.now(UTC)
    rows = [
        {"user_id": user_id, "memory_id": memory_id, "at": now, "change": change, "actor": actor, "text": text}
        for memory_id in memory_ids
    ]
    await connection.execute(insert(audit), rows)
    newest = select(audit.c.number).where(audit.c.user_id == user_id).order_by(audit.c.number.desc())
    oldest = (await connection.execute(newest.offset(MOST_AUDITED).limit(1))).scalar()
    if oldest is not None:
        await connection.execute(delete(audit).where(audit.c.user_id == user_id, audit.c.number <= oldest))


def _in(scope: Scope) -> ColumnElement[bool]:
    return and_(memories.c.user_id == scope.user_id, memories.c.persona_id == (scope.persona_id or ""))


def _portions(memory_ids: Sequence[MemoryId]) -> Sequence[Sequence[MemoryId]]:
    return [memory_ids[place : place + 1000] for place in range(0, len(memory_ids), 1000)]


def _clean(text: str) -> str:
    """``text`` in one line, as any database can keep it."""
    return " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").split())


def _checked(text: str) -> str:
    if len(text) > 8 * LONGEST_TEXT or len(text := _clean(text)) > LONGEST_TEXT:
        raise BadInput(
            f"A memory has at most {LONGEST_TEXT} characters; this has {len(text)}.",
            hint="Say it in one short sentence, or in several memories.",
        )
    if not text:
        raise BadInput("A memory needs a text.", hint="Write one short sentence.")
    return text


def _memory(row: Row[Any]) -> Memory:
    return Memory(
        id=MemoryId(row.id),
        scope=Scope(UserId(row.user_id), row.persona_id or None),
        text=row.text,
        created_at=row.created_at,
        changed_at=row.changed_at,
        kind=row.kind,
        confidence=row.confidence,
        pinned=row.pinned,
        source=MessageId(row.source) if row.source else None,
        conversation_id=ConversationId(row.conversation_id) if row.conversation_id else None,
        used_at=row.used_at,
        uses=row.uses,
    )
