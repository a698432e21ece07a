"""A persona's answer to a chat completion: a session that lives for one reply."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from myna.core.commands import CreateReply
from myna.core.errors import Closed
from myna.core.events import Failed, TurnEnded
from myna.core.ids import new_conversation_id, new_turn_id
from myna.core.messages import Conversation
from myna.engines.base import Finished
from myna.personas.model import Persona
from myna.server.errors import error_told
from myna.server.history import History, work_of
from myna.server.openai.chat_answer import Delta
from myna.server.openai.reply_deltas import ReplyDeltas
from myna.server.service import Service
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import open_session
from myna.store.in_memory import InMemoryStore


@dataclass(frozen=True, slots=True)
class PersonaAsked:
    """Who is asked, and what; ``history`` ends with what is to be answered. Nothing is kept of the ``conversation``."""

    persona: Persona
    conversation: Conversation
    options: SessionOptions
    history: History


async def persona_answer(service: Service, asked: PersonaAsked) -> AsyncGenerator[Delta | Finished]:
    """What the persona adds to its message, piece by piece, and at last how it ended.

    The server's tools run meanwhile; calls of the client's end the answer. What the model wrote and what the tools gave
    is kept for when the client sends the reply back as history.

    Raises:
        EngineError: The LLM failed, or did not answer in time.
        PromptTooLong: Even the newest message does not fit.
        Closed: The server stops.
    """
    persona = asked.persona.model_copy(update={"acknowledgements": ()})  # it is not spoken, and the client is told
    conversation = replace(asked.conversation, id=new_conversation_id())  # of each choice
    store = InMemoryStore(limit=1)
    engines = SessionEngines(service.engines.llm)
    deltas = ReplyDeltas()
    memory = service.memory_of(conversation, persona, asked.history.messages[:-1])
    # Without consents: a client that asks again would have a tool run again.
    options = replace(asked.options, consents=False, memory=memory)
    async with open_session(conversation, persona, engines, store, options) as session:
        await session.send(CreateReply(new_turn_id(), messages=asked.history.messages))
        async for event in session:
            match event:
                case Failed():
                    raise error_told(event.code, event.message, event.hint)
                case TurnEnded(outcome="interrupted"):
                    break
                case TurnEnded(reply=reply):
                    display = reply.display if reply else ""
                    if reply:
                        service.raw_replies.keep(persona.id, display, reply.raw)
                    work = work_of(await store.messages(conversation.id))
                    service.raw_replies.keep_work(asked.history.led_to, display, work)
                    for delta in deltas.rest():
                        yield delta
                    yield deltas.finished()
                    return
                case _:
                    for delta in deltas.feed(event):
                        yield delta
    raise Closed("The server is stopping.")
