"""``POST /v1/chat/completions``: the LLM as it is, or a persona, in OpenAI's format."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from myna.core.errors import EngineRefused
from myna.engines.base import LLM, Finished, TextDelta, ToolCallDelta
from myna.server.connection import while_connected
from myna.server.event_stream import EventStream
from myna.server.openai.chat_answer import (
    FIRST,
    Completion,
    Delta,
    JoinedMessage,
    as_delta,
    persona_deltas,
)
from myna.server.openai.chat_body import ChatBody
from myna.server.openai.chat_plan import Plan, plan_for
from myna.server.openai.events import failed
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.session.bounds import Limits, pieces
from myna.text.reply import ReplyParser

router = APIRouter(route_class=StrictJSONRoute)

SEND_S = 30.0
"""How much longer than its making an answer may take to be sent."""


@router.post("/v1/chat/completions", response_model=None)
async def post_chat_completion(body: ChatBody, request: Request) -> Response:
    """Answer the messages.

    The model ``myna`` gets them as they are. For ``myna/<persona id>`` they are the history: the server adds the
    persona's prompt, takes the emotion tags out of the answer, and tells the emotion in an extra field ``myna``.
    """
    service: Service = request.app.state.service
    llm = service.engines.llm
    plan = await plan_for(service, body, llm)
    limits = service.settings.session.limits()
    with_usage = bool(body.stream_options and body.stream_options.include_usage)
    completion = Completion(plan.model, with_usage=with_usage)
    if body.stream:
        limit_s = plan.choices * limits.reply_s + SEND_S
        return EventStream(_events(llm, plan, limits, completion), failed=failed, limit_s=limit_s)
    return await while_connected(request, lambda: _whole(llm, plan, limits, completion))


async def _events(llm: LLM, plan: Plan, limits: Limits, completion: Completion) -> AsyncGenerator[bytes]:
    """The choices one after another: on one machine that is as fast as all at once, and the prompt is read once."""
    ends: list[Finished] = []
    for choice in range(plan.choices):
        begun = False
        async with aclosing(_deltas(llm, plan, choice, limits)) as deltas:
            async for delta in deltas:
                first = b"" if begun else completion.chunk(choice, FIRST)
                begun = True
                if isinstance(delta, Finished):
                    ends.append(delta)
                    final = completion.last([end.usage for end in ends]) if len(ends) == plan.choices else b""
                    yield first + completion.chunk(choice, {}, delta.reason) + final
                else:
                    yield first + completion.chunk(choice, delta)


async def _whole(llm: LLM, plan: Plan, limits: Limits, completion: Completion) -> Response:
    messages: list[JoinedMessage] = []
    for choice in range(plan.choices):
        message = JoinedMessage()
        async with aclosing(_deltas(llm, plan, choice, limits)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Finished):
                    message.finished = delta
                else:
                    message.add(delta)
        messages.append(message)
    return JSONResponse(completion.whole(messages))


async def _deltas(llm: LLM, plan: Plan, choice: int, limits: Limits) -> AsyncGenerator[Delta | Finished]:
    """What one choice adds to its message, piece by piece, and at last how it ended.

    Raises:
        EngineError: The LLM failed, or did not answer within ``limits``.
    """
    parser = ReplyParser(plan.emotions) if plan.emotions else None
    stream = pieces(
        llm.generate(plan.request_of(choice)),
        first_s=limits.first_token_s,
        idle_s=limits.idle_s,
        total_s=limits.reply_s,
        what=f"The LLM {llm.info.model}",
    )
    async with aclosing(stream):
        async for piece in stream:
            if isinstance(piece, Finished):
                if parser:
                    for delta in persona_deltas(parser.finish()):
                        yield delta
                    plan.keep(parser.display, parser.raw)
                yield piece
                return
            if isinstance(piece, ToolCallDelta) and not plan.request.tools:
                raise EngineRefused(f"The LLM {llm.info.model} called a tool, and it was offered none.")
            if parser is None:
                yield as_delta(piece)
            elif isinstance(piece, TextDelta):
                for delta in persona_deltas(parser.feed(piece.text)):
                    yield delta
    raise EngineRefused(f"The LLM {llm.info.model} ended without saying so.")
