"""``/v1/realtime``: OpenAI's Realtime protocol over a WebSocket."""

import secrets
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, WebSocket

from myna.core.errors import BadInput
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.personas.model import Persona
from myna.server.live import Endpoint, Parts, run_live, session_engines
from myna.server.openai.models import OF_PERSONA, persona_meant
from myna.server.openai.voices import voice_meant
from myna.server.service import Service
from myna.server.users import conversation_named, conversation_of, user_of
from myna.session.options import SessionOptions, Workers
from myna.wire.realtime import RealtimeCodec, Served, failed

router = APIRouter()

LONGEST_NAME = 200
TRANSCRIPTION = "transcription"
"""The ``intent`` of clients that want no answers."""


@router.websocket("/v1/realtime")
async def talk(socket: WebSocket) -> None:
    """Talk, in a conversation of its own or in the one that ``conversation`` names; ``private=true`` keeps nothing."""
    service: Service = socket.app.state.service
    asked, user_id = socket.query_params, user_of(socket)
    named = asked.get("conversation", "")
    conversation_id = conversation_named(user_id, named) if named and _is_name(named) else new_conversation_id()

    async def prepare() -> Parts:
        if not _is_name(named):
            raise BadInput(
                f"A conversation's name has at most {LONGEST_NAME} visible characters.",
                hint="For example: conversation=robot",
            )
        private = _is_private(asked.get("private", ""))
        begun, store = await conversation_of(service, user_id, conversation_id, private=private)
        persona_id = _persona_id(service, asked.get("model"), begun)
        conversation = begun or Conversation(conversation_id, persona_id, user_id, private=private)
        persona = service.persona(conversation.persona_id)
        if service.personas.is_draft(persona) and not conversation.private:
            raise BadInput("A draft of a persona is kept nowhere, nor is what it says.", hint="Add private=true.")
        transcribes = asked.get("intent") == TRANSCRIPTION
        engines, options = session_engines(service.engines, answers=not transcribes), service.live_options(persona)
        history = await store.messages(conversation_id) if begun else ()
        served = _served(service, conversation, persona, engines, options, transcribes=transcribes)
        codec = RealtimeCodec(replace(served, history=history, private=conversation.private))
        memory = service.memory_of(conversation, persona, history)
        options = replace(options, preferences=codec.preferences, memory=memory)
        return Parts(codec, conversation, persona, engines, store, options)

    await run_live(socket, Endpoint(conversation_id, prepare, failed))


def _is_name(conversation: str) -> bool:
    return len(conversation) <= LONGEST_NAME and conversation.isprintable()


def _is_private(asked: str) -> bool:
    """Whether a conversation is to be private; what is misspelt is not taken for no.

    Raises:
        BadInput: It says neither.
    """
    if asked.lower() in ("true", "1"):
        return True
    if asked.lower() in ("", "false", "0"):
        return False
    raise BadInput(f"private is {asked!r}, and may be true or false.", hint="For example: private=true")


def _persona_id(service: Service, model: str | None, begun: Conversation | None) -> str:
    """The persona that ``model`` names; else the one that the conversation is with, or the configured one.

    Raises:
        BadInput: The conversation is with another persona.
        ModelNotFound: There is no such persona, or no such model where that matters.
    """
    named = persona_meant(service, model) if model else None
    if begun is None:
        return (named or service.persona()).id
    if named is not None and named.id != begun.persona_id:
        raise BadInput(
            f"The conversation {begun.id} is with {begun.persona_id}, not with {named.id}.",
            hint="Begin another one, or leave the model out.",
        )
    return begun.persona_id


def _served(
    service: Service,
    conversation: Conversation,
    persona: Persona,
    engines: Workers,
    options: SessionOptions,
    *,
    transcribes: bool,
) -> Served:
    voice = persona.style_for(options.emotions.default).voice
    asr, there = engines.asr, service.engines.states
    return Served(
        session_id=f"sess_{secrets.token_hex(12)}",
        conversation_id=conversation.id,
        model=f"{OF_PERSONA}{persona.id}",
        voice_of=partial(voice_meant, service, persona),
        transcriber=asr.info.model if asr else there["asr"].engine if "asr" in there else "",
        languages=asr.info.languages if asr else frozenset(),
        voice=voice if isinstance(voice, str) else "+".join(voice),
        speaks="tts" in there and not transcribes,
        has_voice=lambda: engines.tts is not None,
        transcribes=transcribes,
        preferences=options.preferences,
        instructions=persona.system_prompt or options.prompt_template or "",
        greetings=(persona.greeting, *persona.greetings),
        tool_names=lambda: [spec.name for spec in options.tools.specs],
    )
