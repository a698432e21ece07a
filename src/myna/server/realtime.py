"""``/v1/realtime``: OpenAI's Realtime protocol over a WebSocket."""

import secrets
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, WebSocket

from myna.core.errors import BadInput
from myna.core.ids import ConversationId, new_conversation_id
from myna.core.messages import Conversation
from myna.personas.model import Persona
from myna.server.live import Endpoint, Parts, run_live, session_engines
from myna.server.openai.models import OF_PERSONA, persona_meant
from myna.server.openai.voices import voice_meant
from myna.server.service import Service
from myna.session.options import SessionEngines, SessionOptions
from myna.wire.realtime import RealtimeCodec, Served, failed

router = APIRouter()

LONGEST_NAME = 200
TRANSCRIPTION = "transcription"
"""The ``intent`` of clients that want no answers."""


@router.websocket("/v1/realtime")
async def talk(socket: WebSocket) -> None:
    """Talk, in a conversation of its own or in the one that ``conversation`` names."""
    service: Service = socket.app.state.service
    asked = socket.query_params
    named = asked.get("conversation", "")
    conversation_id = ConversationId(named) if named and _is_name(named) else new_conversation_id()

    async def prepare() -> Parts:
        if not _is_name(named):
            raise BadInput(
                f"A conversation's name has at most {LONGEST_NAME} visible characters.",
                hint="For example: conversation=robot",
            )
        conversation = await _conversation(service, conversation_id, asked.get("model"))
        persona = service.persona(conversation.persona_id)
        transcribes = asked.get("intent") == TRANSCRIPTION
        engines, options = session_engines(service.engines, answers=not transcribes), service.live_options(persona)
        served = await _served(service, conversation, persona, engines, options)
        codec = RealtimeCodec(replace(served, transcribes=transcribes))
        options = replace(options, preferences=codec.preferences)
        return Parts(codec, conversation, persona, engines, service.store, options)

    await run_live(socket, Endpoint(conversation_id, prepare, failed))


def _is_name(conversation: str) -> bool:
    return len(conversation) <= LONGEST_NAME and conversation.isprintable()


async def _conversation(service: Service, conversation_id: ConversationId, model: str | None) -> Conversation:
    """The conversation with this id, which may be new, with the persona that ``model`` names.

    Raises:
        BadInput: It is with another persona.
        ModelNotFound: There is no such persona, or no such model where that matters.
    """
    named = persona_meant(service, model) if model else None
    conversation = await service.store.find(conversation_id)
    if conversation is None:
        return Conversation(conversation_id, (named or service.persona()).id)
    if named is not None and named.id != conversation.persona_id:
        raise BadInput(
            f"The conversation {conversation_id} is with {conversation.persona_id}, not with {named.id}.",
            hint="Begin another one, or leave the model out.",
        )
    return conversation


async def _served(
    service: Service,
    conversation: Conversation,
    persona: Persona,
    engines: SessionEngines,
    options: SessionOptions,
) -> Served:
    begun = await service.store.find(conversation.id)
    voice = persona.style_for(options.emotions.default).voice
    return Served(
        session_id=f"sess_{secrets.token_hex(12)}",
        conversation_id=conversation.id,
        model=f"{OF_PERSONA}{persona.id}",
        voice_of=partial(voice_meant, service, persona),
        transcriber=engines.asr.info.model if engines.asr else "",
        languages=engines.asr.info.languages if engines.asr else frozenset(),
        voice=voice if isinstance(voice, str) else "+".join(voice),
        speaks=engines.tts is not None,
        preferences=options.preferences,
        instructions=persona.system_prompt or options.prompt_template or "",
        greeting=persona.greeting,
        tool_names=lambda: [spec.name for spec in options.tools.specs],
        history=await service.store.messages(conversation.id) if begun else (),
    )
