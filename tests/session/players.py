"""A session with scripted engines, and what came of it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from myna.core.events import (
    Event,
    LevelsHeard,
    MessageAdded,
    MessageDeleted,
    Refused,
    ReplyText,
    ReplyTruncated,
    TurnEnded,
)
from myna.core.ids import ConversationId
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.engines.base import ASR, LLM, TTS, VAD
from myna.personas.model import BaseVoice, Persona
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import Session, open_session
from myna.store.base import Store
from myna.store.in_memory import InMemoryStore

CONVERSATION = Conversation(ConversationId("conv_test"), "bird")
PERSONA = Persona(id="bird", name="鸟", language="zh", voice=BaseVoice.model_validate({"voice": "zf_xiaobei"}))


OF_THE_CONVERSATION = MessageAdded | MessageDeleted | ReplyTruncated | Refused | LevelsHeard


@dataclass(frozen=True)
class Stage:
    session: Session
    store: Store

    async def turn(self) -> list[Event]:
        """The events up to the end of the turn that runs or comes next."""
        events: list[Event] = []
        async for event in self.session:
            events.append(event)
            if isinstance(event, TurnEnded):
                break
        return events

    async def history(self) -> Sequence[Message]:
        return await self.store.messages(CONVERSATION.id)


@asynccontextmanager
async def on_stage(  # noqa: PLR0913 - all that a session may be given
    llm: LLM | None,
    *,
    asr: ASR | None = None,
    tts: TTS | None = None,
    vad: VAD | None = None,
    options: SessionOptions | None = None,
    persona: Persona = PERSONA,
    store: Store | None = None,
) -> AsyncGenerator[Stage]:
    store = InMemoryStore() if store is None else store
    await store.create(CONVERSATION)
    engines = SessionEngines(llm, asr, tts, vad)
    async with open_session(CONVERSATION, persona, engines, store, options or SessionOptions()) as session:
        yield Stage(session, store)


def shown(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReplyText))


def kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def turn_ids(events: Sequence[Event]) -> set[str]:
    return {event.turn_id for event in events if not isinstance(event, OF_THE_CONVERSATION)}


def said(messages: Sequence[Message]) -> list[str]:
    """What the user said, and what the model wrote."""
    return [
        message.text if isinstance(message, UserMessage) else message.reply.raw
        for message in messages
        if isinstance(message, UserMessage | AssistantMessage)
    ]
