"""``POST /v1/chat/completions``: the LLM as it is, or a persona, in OpenAI's format."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from myna.engines.base import Finished
from myna.server.connection import while_connected
from myna.server.event_stream import EventStream
from myna.server.history import caller
from myna.server.openai.chat_answer import FIRST, Completion, JoinedMessage
from myna.server.openai.chat_body import ChatBody
from myna.server.openai.chat_plan import Plan, plan_for
from myna.server.openai.events import failed
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.users import user_of

router = APIRouter(route_class=StrictJSONRoute)

SEND_S = 30.0
"""How much longer than its making an answer may take to be sent."""


@router.post("/v1/chat/completions", response_model=None)
async def post_chat_completion(body: ChatBody, request: Request) -> Response:
    """Answer the messages.

    The model ``myna`` gets them as they are. For ``myna/<persona id>`` they are the history: the server adds the
    persona's prompt, takes the emotion tags out of the answer, and tells the emotion in an extra field ``myna``. There
    it also tells of the tools that the server has run; calls of the client's own come as OpenAI has them.
    """
    service: Service = request.app.state.service
    plan = await plan_for(service, body, caller(request), user_of(request))
    with_usage = bool(body.stream_options and body.stream_options.include_usage)
    completion = Completion(plan.model, with_usage=with_usage)
    if body.stream:
        return EventStream(_events(plan, completion), failed=failed, limit_s=plan.choices * plan.answer_s + SEND_S)
    return await while_connected(request, lambda: _whole(plan, completion))


async def _events(plan: Plan, completion: Completion) -> AsyncGenerator[bytes]:
    """The choices one after another: on one machine that is as fast as all at once, and the prompt is read once."""
    ends: list[Finished] = []
    for choice in range(plan.choices):
        begun = False
        async with aclosing(plan.answer(choice)) as deltas:
            async for delta in deltas:
                first = b"" if begun else completion.chunk(choice, FIRST)
                begun = True
                if isinstance(delta, Finished):
                    ends.append(delta)
                    final = completion.last([end.usage for end in ends]) if len(ends) == plan.choices else b""
                    yield first + completion.chunk(choice, {}, delta.reason) + final
                else:
                    yield first + completion.chunk(choice, delta)


async def _whole(plan: Plan, completion: Completion) -> Response:
    messages: list[JoinedMessage] = []
    for choice in range(plan.choices):
        message = JoinedMessage()
        async with aclosing(plan.answer(choice)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Finished):
                    message.finished = delta
                else:
                    message.add(delta)
        messages.append(message)
    return JSONResponse(completion.whole(messages))
