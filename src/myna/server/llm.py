"""``POST /llm``: messages in, text out."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar, assert_never

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from myna.core.commands import SendText
from myna.core.errors import BadInput, Closed
from myna.core.events import EngineFailedOver, Failed, ToolEnded, ToolStarted, TurnEnded
from myna.core.ids import ConversationId, UserId, new_conversation_id
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.core.reply import Reply
from myna.core.tool_runs import ToolRuns
from myna.core.tools import CallStatus
from myna.engines.base import LLM
from myna.engines.llm.chain import ChainLLM
from myna.server.connection import while_connected
from myna.server.errors import error_told
from myna.server.history import History, ToldMessage, caller, history_told, work_of
from myna.server.idempotency import Idempotency, checked_key
from myna.server.places import Places
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.users import conversation_named, conversation_of, user_of
from myna.session.options import SessionEngines
from myna.session.session import Session, open_session
from myna.store.base import Store
from myna.store.in_memory import InMemoryStore

router = APIRouter(route_class=StrictJSONRoute)

T = TypeVar("T")

MOST_MESSAGES = 2048
MOST_TOKENS = (1 << 31) - 1
"""What fits the integers of LLM servers; the reply ends at the model's context anyway."""


class ChatMessage(BaseModel):
    """One message of the request."""

    role: Literal["system", "user", "assistant"]
    content: str


class LLMBody(BaseModel):
    """What is asked. With ``session_id``, ``messages`` may hold only those that the conversation has not yet.

    Of a ``private`` conversation nothing is kept when the server ends, and nothing is remembered.
    """

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    session_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    private: bool = False


class ToolRun(BaseModel):
    """A tool of the server's that ran; secrets in its arguments are masked."""

    name: str
    arguments: str
    status: CallStatus
    output: str
    took_ms: float


class LLMAnswer(BaseModel):
    """The reply's display text, the model that wrote it, whether it was given before, and the tools that ran for it."""

    text: str
    model: str
    cached: bool = False
    tools: list[ToolRun] | None = None


def size(answer: LLMAnswer) -> int:
    """How many characters an answer takes."""
    return len(answer.text) + sum(len(run.arguments) + len(run.output) for run in answer.tools or ())


@router.post("/llm", response_model=LLMAnswer, response_model_exclude_none=True)
async def post_llm(
    body: LLMBody, request: Request, x_idempotency_key: Annotated[str | None, Header()] = None
) -> LLMAnswer | Response:
    """Answer the last message, which is the user's, as the configured persona, in words only.

    The first answer to an ``X-Idempotency-Key`` is kept for ten minutes and given again.
    """
    asked = _Asked(request.app.state.service, request.app.state.places, caller(request), user_of(request))
    if x_idempotency_key is None:
        return await while_connected(request, lambda: _answer(asked, body))
    kept: Idempotency[LLMAnswer] = request.app.state.idempotency
    key = f"{asked.who}:{checked_key(x_idempotency_key)}"
    fingerprint = hashlib.sha256(body.model_dump_json().encode()).digest()

    async def once() -> LLMAnswer:
        told, known = await kept.once(key, fingerprint, lambda: _answer(asked, body))
        return told.model_copy(update={"cached": known})

    return await while_connected(request, once)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is asked, and who asks: ``who`` as far as a key tells, ``user_id`` whose key that is."""

    service: Service
    places: Places
    who: str
    user_id: UserId


async def _answer(asked: _Asked, body: LLMBody) -> LLMAnswer:
    given = [message for message in body.messages if message.role != "system"]
    if not given or given[-1].role != "user" or not given[-1].content.strip():
        raise BadInput("The last of the messages is not the user's.", hint="End with a message of role user.")
    service, who = asked.service, asked.who
    persona = service.persona()
    options = service.session_options(
        persona,
        temperature=body.temperature,
        max_tokens=body.max_tokens,
        system_prompt="\n\n".join(message.content for message in body.messages if message.role == "system") or None,
    )
    if not body.session_id:  # a client that asks again would have a tool run again
        options = replace(options, consents=False)
    new_id = new_conversation_id()
    conversation_id = conversation_named(asked.user_id, body.session_id) if body.session_id else new_id
    asked.places.check_free(conversation_id)
    async with service.alone_in(conversation_id):
        conversation, store = await _conversation(asked, body, conversation_id, persona.id)
        history = _history(given, service, persona.id, who)
        if body.session_id:
            known = await store.messages(conversation.id)
            earlier = _history(_new(known, given[:-1]), service, persona.id, who).messages
            options = replace(options, memory=service.memory_of(conversation, persona, known))
        else:
            earlier = history.messages[:-1]
        for message in earlier:
            await store.append(conversation.id, message)
        async with open_session(conversation, persona, SessionEngines(service.engines.llm), store, options) as session:
            answer, reply = await _reply(session, given[-1].content, service.engines.llm)
        if reply:
            service.raw_replies.keep(persona.id, reply.display, reply.raw)
            if not body.session_id:
                work = work_of((await store.messages(conversation.id))[len(earlier) :])
                service.raw_replies.keep_work(history.led_to, reply.display, work)
        return answer


async def _conversation(
    asked: _Asked, body: LLMBody, conversation_id: ConversationId, persona_id: str
) -> tuple[Conversation, Store]:
    """The conversation, begun if it is new, and where it is kept: what has no ``session_id`` is kept nowhere."""
    found, store = None, InMemoryStore(limit=1)
    if body.session_id:
        found, store = await conversation_of(asked.service, asked.user_id, conversation_id, private=body.private)
    if found is not None:
        return found, store
    conversation = Conversation(conversation_id, persona_id, asked.user_id, private=body.private)
    await store.create(conversation)
    return conversation, store


async def _reply(session: Session, text: str, llm: LLM) -> tuple[LLMAnswer, Reply | None]:
    """What is answered to ``text``.

    Raises:
        MynaError: There is no answer.
    """
    runs, model = ToolRuns(), llm.info.model
    await session.send(SendText(text))
    async for event in session:
        match event:
            case EngineFailedOver(answers=answers) if isinstance(llm, ChainLLM):
                model = llm.model_of(answers)
            case ToolStarted(call=call):
                runs.start(call)
            case ToolEnded(call_id=call_id, result=result, took_ms=took_ms):
                runs.end(call_id, result, took_ms)
            case Failed():
                raise error_told(event.code, event.message, event.hint)
            case TurnEnded(reply=reply):
                return LLMAnswer(text=reply.display if reply else "", model=model, tools=_ended(runs) or None), reply
            case _:
                pass
    raise Closed("The server is stopping.")


def _ended(runs: ToolRuns) -> list[ToolRun]:
    return [
        ToolRun(
            name=run.call.name,
            arguments=run.call.arguments,
            status=run.result.status,
            output=run.result.output,
            took_ms=round(run.took_ms, 1),
        )
        for run in runs
        if run.result is not None
    ]


def _history(given: Sequence[ChatMessage], service: Service, persona_id: str, who: str) -> History:
    told = [ToldMessage("user" if one.role == "user" else "assistant", one.content) for one in given]
    return history_told(told, service.raw_replies, persona_id, who)


def _new(known: Sequence[Message], given: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """Those of the ``given`` messages that the conversation has not: clients send all, the last few, or the new ones.

    A client may leave out what was said last and never answered: it is what it asks again.
    """
    seen = [
        message
        for message in known
        if isinstance(message, UserMessage) or (isinstance(message, AssistantMessage) and message.outcome != "failed")
    ]
    had = [_told(message) for message in _once(seen, _told)]
    given = _once(given, _given)
    told = [_given(message) for message in given]
    answered = had[:-1] if had and had[-1][0] == "user" else had
    return given[max(_overlap(had, told), _overlap(answered, told)) :]


def _once(messages: Sequence[T], told: Callable[[T], tuple[str, str]]) -> list[T]:
    """The messages without those of the user's that repeat the one before, as after a failure."""
    befores = [None, *map(told, messages)]
    return [
        message
        for before, message in zip(befores, messages, strict=False)
        if told(message) != before or told(message)[0] != "user"
    ]


def _overlap(had: Sequence[tuple[str, str]], told: Sequence[tuple[str, str]]) -> int:
    """How many of the last that were had are the first that are told."""
    return next((n for n in range(min(len(had), len(told)), 0, -1) if had[-n:] == told[:n]), 0)


def _given(message: ChatMessage) -> tuple[str, str]:
    return message.role, message.content.strip()


def _told(message: UserMessage | AssistantMessage) -> tuple[str, str]:
    match message:
        case UserMessage(text=text):
            return "user", text.strip()
        case AssistantMessage(reply=reply):
            return "assistant", reply.display.strip()
        case _:
            assert_never(message)
