"""``/api/memories``: what is remembered of a user, for him to see, search, change and forget.

Each request is about the memories of the user that asks, and of one scope: those that the personas share, or with
``persona`` those that this persona keeps to itself, or kept as long as it was there. What is in another scope, or
another user's, is unknown.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from myna.core.errors import BadInput
from myna.core.ids import MemoryId
from myna.memory.base import Kind, Memories, NewMemory, Scope
from myna.server.errors import MemoryOff
from myna.server.in_time import DELETE_S, in_time
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.told_memory import FoundMemory, ToldChange, ToldMemory, change_told, found_told, told
from myna.server.users import scope_named, user_of

router = APIRouter(prefix="/api/memories", route_class=StrictJSONRoute)

MOST_AT_A_TIME = 1000
LONGEST_QUERY = 2000

PersonaName = Annotated[
    str | None,
    Query(max_length=200, description="A persona with memories of its own; else those that the personas share."),
]
Limit = Annotated[int, Query(ge=1, le=MOST_AT_A_TIME, description="How many at most.")]


class MemoryList(BaseModel):
    """Some memories; ``next`` is what to give as ``after`` for those behind them, null where there are none."""

    memories: list[ToldMemory]
    next: str | None


class FoundMemories(BaseModel):
    """The memories that are most like what was searched for, the best first."""

    memories: list[FoundMemory]


class AuditTrail(BaseModel):
    """What was done to the memories of a user, the newest first."""

    audit: list[ToldChange]


class Forgotten(BaseModel):
    """How many memories there were."""

    forgotten: int


class AddBody(BaseModel):
    """What is to be remembered: one short sentence."""

    model_config = ConfigDict(extra="forbid")

    text: str
    kind: Kind = "fact"
    pinned: bool = False


class ChangeBody(BaseModel):
    """What is to be otherwise; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    pinned: bool | None = None


@router.get("")
async def list_memories(
    request: Request,
    persona: PersonaName = None,
    limit: Limit = 100,
    after: Annotated[str | None, Query(description="The `next` of the list before.")] = None,
) -> MemoryList:
    """List memories, the newest first."""
    memories, scope = await _asked(request, persona)
    found = await in_time(memories.all(scope, limit=limit + 1, after=after or None))
    shown = found[:limit]
    return MemoryList(memories=list(map(told, shown)), next=shown[-1].cursor if len(found) > limit else None)


@router.get("/search")
async def search_memories(
    request: Request,
    q: Annotated[str, Query(min_length=1, max_length=LONGEST_QUERY, description="What they are to be about.")],
    persona: PersonaName = None,
    limit: Limit = 10,
) -> FoundMemories:
    """Find the memories that are most like ``q``, by meaning and by words."""
    memories, scope = await _asked(request, persona)
    found = await in_time(memories.nearest(scope, q, limit=limit))
    return FoundMemories(memories=[found_told(each) for each in found])


@router.get("/audit")
async def audit_memories(request: Request, limit: Limit = 100) -> AuditTrail:
    """Tell what was done to the user's memories in all scopes, the newest first. What was forgotten is not told."""
    lines = await in_time(_memories(request).audit(user_of(request), limit=limit))
    return AuditTrail(audit=[change_told(line) for line in lines])


@router.get("/{memory_id}")
async def get_memory(memory_id: str, request: Request, persona: PersonaName = None) -> ToldMemory:
    """Tell one memory."""
    memories, scope = await _asked(request, persona)
    return told(await in_time(memories.find(scope, MemoryId(memory_id))))


@router.post("")
async def add_memory(body: AddBody, request: Request, persona: PersonaName = None) -> ToldMemory:
    """Remember something. What is remembered already, in the same words, is given back."""
    memories, scope = await _asked(request, persona)
    memory = await in_time(memories.add(scope, NewMemory(body.text, body.kind)))
    if body.pinned and not memory.pinned:
        memory = await in_time(memories.pin(scope, memory.id))
    return told(memory)


@router.patch("/{memory_id}")
async def change_memory(memory_id: str, body: ChangeBody, request: Request, persona: PersonaName = None) -> ToldMemory:
    """Say a memory otherwise, pin it, or no longer."""
    memories, scope = await _asked(request, persona)
    if body.text is None and body.pinned is None:
        raise BadInput("Nothing of the memory is to be otherwise.", hint="Give text, or pinned, or both.")
    memory = await in_time(memories.find(scope, MemoryId(memory_id)))
    if body.text is not None:
        memory = await in_time(memories.edit(scope, memory.id, body.text))
    if body.pinned is not None:
        memory = await in_time(memories.pin(scope, memory.id, pinned=body.pinned))
    return told(memory)


@router.delete("/{memory_id}", status_code=204)
async def forget_memory(memory_id: str, request: Request, persona: PersonaName = None) -> Response:
    """Forget a memory: it is gone from the store, the vectors and Myna's own backups."""
    memories, scope = await _asked(request, persona)
    memory = await in_time(memories.find(scope, MemoryId(memory_id)))
    await in_time(memories.forget(scope, [memory.id]), DELETE_S)
    return Response(status_code=204)


@router.delete("")
async def forget_everything(
    request: Request,
    everything: Annotated[bool, Query(alias="all", description="Must be true: all of it, in all scopes.")] = False,
) -> Forgotten:
    """Forget all that is remembered of the user, in all scopes."""
    memories = _memories(request)
    if not everything:
        raise BadInput(
            "This forgets all that is remembered of you, and was not meant so.",
            hint="Add ?all=true; one memory is forgotten with DELETE /api/memories/ID.",
        )
    service: Service = request.app.state.service
    if service.remembering is not None:
        service.remembering.withdraw(user_of(request))
    return Forgotten(forgotten=await in_time(memories.forget_all(user_of(request)), DELETE_S))


async def _asked(request: Request, persona: str | None) -> tuple[Memories, Scope]:
    memories = _memories(request)
    service: Service = request.app.state.service
    named = persona or None
    scope = scope_named(memories, user_of(request), service.personas, named, service.guest.persona)
    return memories, await in_time(scope)


def _memories(request: Request) -> Memories:
    service: Service = request.app.state.service
    if service.memories is None:
        raise MemoryOff
    return service.memories
