"""Memories as programs are told them, by the server and by the commands."""

from datetime import datetime

from pydantic import BaseModel

from myna.memory.base import Actor, Audited, Change, Kind, Memory, Recalled


class ToldMemory(BaseModel):
    """A memory. ``persona`` is null where all personas share it; ``source`` is the message that it was taken from."""

    id: str
    text: str
    kind: Kind
    confidence: float
    pinned: bool
    persona: str | None
    source: str | None
    conversation: str | None
    created_at: datetime
    changed_at: datetime
    used_at: datetime | None
    uses: int


class FoundMemory(ToldMemory):
    """A memory that was searched for, and how well it fits: 0 to 1."""

    fit: float


class ToldChange(BaseModel):
    """A line of the audit trail. ``text`` is null where it was forgotten."""

    at: datetime
    change: Change
    actor: Actor
    memory: str
    text: str | None


def told(memory: Memory) -> ToldMemory:
    """A memory."""
    return ToldMemory(
        id=memory.id,
        text=memory.text,
        kind=memory.kind,
        confidence=memory.confidence,
        pinned=memory.pinned,
        persona=memory.scope.persona_id,
        source=memory.source,
        conversation=memory.conversation_id,
        created_at=memory.created_at,
        changed_at=memory.changed_at,
        used_at=memory.used_at,
        uses=memory.uses,
    )


def found_told(found: Recalled) -> FoundMemory:
    """A memory that was searched for."""
    return FoundMemory(**told(found.memory).model_dump(), fit=found.fit)


def change_told(line: Audited) -> ToldChange:
    """A line of the audit trail."""
    return ToldChange(at=line.at, change=line.change, actor=line.actor, memory=line.memory_id, text=line.text)
