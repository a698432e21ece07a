"""``/api/conversations``: what was said, as its user sees it: listed, searched, renamed, exported, deleted."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from myna.core.errors import Busy, UnknownName
from myna.core.ids import ConversationId, MessageId
from myna.core.messages import Conversation, Message, ToolCallMessage
from myna.server.export import ConversationFile, exported, take_in, title_of
from myna.server.export_markdown import headline, markdown
from myna.server.in_time import DELETE_S, in_time
from myna.server.places import Places
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.transcript import (
    FoundMessage,
    ListedConversation,
    ToldConversation,
    Transcript,
    told_conversation,
    told_found,
    told_listed,
    transcript,
)
from myna.server.users import conversation_named, user_of
from myna.store.base import ConversationStore, KeptTurn, Page

router = APIRouter(prefix="/api/conversations", route_class=StrictJSONRoute)

LEAVE_S = 10.0
"""How long a reply that is under way in a conversation is waited for before it is deleted."""
MOST_AT_ONCE = 200
MOST_MESSAGES = 1000
LONGEST_QUERY = 500
_NO_FILE_NAME = frozenset('/\\:*?"<>|')

Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="How many at most.")]


class Conversations(BaseModel):
    """Some of a user's conversations; ``next`` is what to give as ``after`` for those that follow, if any do."""

    conversations: list[ListedConversation]
    next: str | None


class FoundMessages(BaseModel):
    """What was found, the best first."""

    found: list[FoundMessage]


class TitleBody(BaseModel):
    """What to call a conversation; empty: nothing, so that its beginning stands for it."""

    title: str


class BranchBody(BaseModel):
    """The id of the last message that the new conversation is to have too."""

    after: Annotated[str, Field(min_length=1)]


@router.get("")
async def list_conversations(
    request: Request,
    after: Annotated[str | None, Query(description="The `next` of the list before.")] = None,
    limit: Limit = 50,
) -> Conversations:
    """The conversations that were talked in last."""
    listed = await in_time(_store(request).list(user_of(request), limit=limit + 1, after=after or None))
    shown = [told_listed(each) for each in listed[:limit]]
    return Conversations(conversations=shown, next=listed[limit - 1].cursor if len(listed) > limit else None)


@router.get("/search")
async def search_conversations(
    request: Request, q: Annotated[str, Query(min_length=1, max_length=LONGEST_QUERY)], limit: Limit = 50
) -> FoundMessages:
    """The messages that have all words of ``q``, in any order."""
    found = await in_time(_store(request).search(user_of(request), q, limit=limit))
    return FoundMessages(found=[told_found(each) for each in found])


@router.post("/import", status_code=201)
async def import_conversation(body: ConversationFile, request: Request) -> ToldConversation:
    """Keep an exported conversation (JSON) as a new one."""
    return told_conversation(await take_in(_store(request), user_of(request), body))


# An id that a client chose may have slashes in it.


@router.get("/{conversation_id:path}/export", response_class=Response)
async def export_conversation(
    conversation_id: str,
    request: Request,
    form: Annotated[
        Literal["markdown", "json"], Query(alias="format", description="`markdown` to read, `json` to keep.")
    ] = "markdown",
) -> Response:
    """The conversation as a file."""
    conversation, whole, turns = await _part(request, conversation_id)
    if form == "json":
        work, kind, ending = partial(exported, conversation, whole, turns), "application/json", "json"
    else:
        service: Service = request.app.state.service
        persona = next((each for each in service.personas.all if each.id == conversation.persona_id), None)
        work = partial(markdown, conversation, whole, turns, persona)
        kind, ending = "text/markdown; charset=utf-8", "md"
    text = await anyio.to_thread.run_sync(work)  # of thousands of messages: sessions do not wait for it
    name = "".join(character for character in headline(conversation, whole.messages) if character not in _NO_FILE_NAME)
    offered = f"attachment; filename=\"conversation.{ending}\"; filename*=UTF-8''{quote(name.strip('. '))}.{ending}"
    return Response(text, media_type=kind, headers={"Content-Disposition": offered})


@router.post("/{conversation_id:path}/branch", status_code=201)
async def branch_conversation(conversation_id: str, body: BranchBody, request: Request) -> ToldConversation:
    """A new conversation that begins as this one does, up to and with a message; this one stays as it is."""
    conversation = await _owned(request, conversation_id)
    branch = _store(request).branch(user_of(request), conversation.id, MessageId(body.after))
    return told_conversation(await in_time(branch))


@router.get("/{conversation_id:path}", response_model=Transcript)
async def get_conversation(
    conversation_id: str,
    request: Request,
    limit: Annotated[
        int | None, Query(ge=1, le=MOST_MESSAGES, description="How many messages at most; without it, all.")
    ] = None,
    before: Annotated[str | None, Query(description="The `previous` of the answer before.")] = None,
) -> Response:
    """What was said in it, and how its turns went: all of it, or the newest messages alone, in order."""
    part = await _part(request, conversation_id, limit, before)
    text = await anyio.to_thread.run_sync(lambda: transcript(*part).model_dump_json())
    return Response(text, media_type="application/json")


@router.patch("/{conversation_id:path}")
async def rename_conversation(conversation_id: str, body: TitleBody, request: Request) -> ToldConversation:
    """Give it a title."""
    title = title_of(body.title)
    conversation = await _owned(request, conversation_id)
    return told_conversation(await in_time(_store(request).rename(user_of(request), conversation.id, title)))


@router.delete("/{conversation_id:path}", status_code=204)
async def delete_conversation(conversation_id: str, request: Request) -> None:
    """It is gone, with all its messages. A session that is live in it is ended."""
    conversation = await _owned(request, conversation_id)
    async with _nobody_in(request, conversation.id):
        await in_time(_store(request).delete(user_of(request), conversation.id), DELETE_S)


def _store(request: Request) -> ConversationStore:
    service: Service = request.app.state.service
    return service.store


async def _owned(request: Request, name: str) -> Conversation:
    """The conversation that the user calls so.

    Raises:
        UnknownName: The user has no such conversation.
    """
    user_id = user_of(request)
    conversation = await in_time(_store(request).find(conversation_named(user_id, name)))
    if conversation is None or conversation.user_id != user_id:
        raise UnknownName(f"There is no conversation {name}.", hint="See the list: GET /api/conversations")
    return conversation


async def _part(
    request: Request, name: str, limit: int | None = None, before: str | None = None
) -> tuple[Conversation, Page, Sequence[KeptTurn]]:
    """A conversation, what was said in it, and how the turns of that went."""
    conversation = await _owned(request, name)
    page = await in_time(_store(request).page(conversation.id, limit=limit, before=before or None))
    among = None if limit is None and not before else {message.turn_id for message in page.messages}
    turns = await in_time(_store(request).turns(conversation.id, among=among))
    return conversation, replace(page, messages=[_masked(request, message) for message in page.messages]), turns


def _masked(request: Request, message: Message) -> Message:
    """The message without what a tool of the server's calls secret, as events do not tell it either.

    Of a tool that is not there now, nobody knows what is secret, nor whether it was a client's own.
    """
    service: Service = request.app.state.service
    if not isinstance(message, ToolCallMessage) or service.toolbox.find(message.call.name) is None:
        return message
    return replace(message, call=service.toolbox.select(["*"]).masked(message.call))


@asynccontextmanager
async def _nobody_in(request: Request, conversation_id: ConversationId) -> AsyncGenerator[None]:
    """Who talks in it live has to leave, and a reply that is under way over HTTP is waited for.

    Raises:
        Busy: It does not end.
    """
    service: Service = request.app.state.service
    places: Places = request.app.state.places
    async with AsyncExitStack() as held:
        if places.is_live(conversation_id):
            await held.enter_async_context(places.take(conversation_id))
        lock = service.alone_in(conversation_id)
        try:
            with anyio.fail_after(LEAVE_S):
                await held.enter_async_context(lock)
        except TimeoutError:
            raise Busy("A reply is under way in this conversation.", hint="Try again when it has ended.") from None
        yield
