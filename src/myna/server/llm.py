"""``POST /llm``: messages in, text out."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal, TypeVar, assert_never

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from myna.core.commands import SendText
from myna.core.errors import BadInput, Closed
from myna.core.events import Failed, TurnEnded
from myna.core.ids import ConversationId, new_conversation_id, new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.core.reply import Reply
from myna.engines.task_group import open_task_group
from myna.server.errors import STATUS, answer
from myna.server.service import Service
from myna.session.session import SessionEngines, open_session
from myna.store.base import Store
from myna.store.in_memory import InMemoryStore

router = APIRouter()

T = TypeVar("T")

CLIENT_GONE = 499
"""Nobody reads it; nginx coined it for the access log."""


class ChatMessage(BaseModel):
    """One message of the request."""

    role: Literal["system", "user", "assistant"]
    content: str


class LLMBody(BaseModel):
    """What is asked. With ``session_id``, ``messages`` may hold only those that the conversation has not yet."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    session_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class LLMAnswer(BaseModel):
    """The reply's display text, the model that wrote it, and whether it was given before."""

    text: str
    model: str
    cached: bool = False


@router.post("/llm", response_model=LLMAnswer)
async def post_llm(body: LLMBody, request: Request) -> LLMAnswer | Response:
    """Answer the last message, which is the user's, as the configured persona, in words only."""
    service: Service = request.app.state.service
    return await _while_connected(request, lambda: _answer(service, body))


async def _answer(service: Service, body: LLMBody) -> LLMAnswer | Response:
    given = [message for message in body.messages if message.role != "system"]
    if not given or given[-1].role != "user" or not given[-1].content.strip():
        raise BadInput("The last of the messages is not the user's.", hint="End with a message of role user.")
    engines = SessionEngines(service.engines.llm)
    persona = service.persona()
    options = service.session_options(
        persona,
        temperature=body.temperature,
        max_tokens=body.max_tokens,
        system_prompt="\n\n".join(message.content for message in body.messages if message.role == "system") or None,
    )
    store: Store = service.store if body.session_id else InMemoryStore(limit=1)
    conversation = Conversation(ConversationId(body.session_id or new_conversation_id()), persona.id)
    async with service.alone_in(conversation.id):
        if await store.find(conversation.id) is None:
            await store.create(conversation)
        for message in _new(await store.messages(conversation.id), given[:-1]):
            await store.append(conversation.id, _kept(message))
        async with open_session(conversation, persona, engines, store, options) as session:
            await session.send(SendText(given[-1].content))
            async for event in session:
                match event:
                    case Failed():
                        return answer(STATUS.get(event.code, 422), event.code, event.message, event.hint)
                    case TurnEnded(reply=reply):
                        return LLMAnswer(text=reply.display if reply else "", model=engines.llm.info.model)
                    case _:
                        pass
    raise Closed("The server is stopping.")


def _new(known: Sequence[Message], given: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """Those of the ``given`` messages that the conversation has not: clients send all of them, or the new ones only."""
    told = [(message.role, message.content.strip()) for message in given[: len(known)]]
    return given[len(known) :] if told == [_told(message) for message in known] else given


def _told(message: Message) -> tuple[str, str]:
    match message:
        case UserMessage(text=text):
            return "user", text.strip()
        case AssistantMessage(reply=reply):
            return "assistant", reply.display.strip()
        case _:
            assert_never(message)


def _kept(message: ChatMessage) -> Message:
    if message.role == "user":
        return UserMessage(new_message_id(), new_turn_id(), message.content)
    text = message.content
    return AssistantMessage(new_message_id(), new_turn_id(), Reply(raw=text, display=text, heard=text), "completed")


async def _while_connected(request: Request, work: Callable[[], Awaitable[T]]) -> T | Response:
    """What ``work`` gives; it is cancelled when the client goes away, so that nothing is generated for nobody."""
    given: T | Response = Response(status_code=CLIENT_GONE)
    async with open_task_group() as group:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        given = await work()
        group.cancel_scope.cancel()
    return given
