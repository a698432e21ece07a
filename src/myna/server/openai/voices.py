"""Who speaks: what ``model`` and ``voice`` of a request for speech mean."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from myna.core.emotion import Emotions
from myna.core.errors import UnknownName
from myna.engines.base import TTSInfo, VoiceStyle
from myna.personas.model import Persona
from myna.server.errors import BadParameter
from myna.server.openai.models import persona_meant
from myna.server.service import Service
from myna.text.characters import is_cjk

DEFAULT_VOICE = "default"
"""The persona's own, as no voice at all."""

OPENAI_VOICES: Mapping[str, tuple[str, str]] = {
    "alloy": ("af_alloy", "zf_xiaoxiao"),
    "ash": ("am_michael", "zm_yunxi"),
    "ballad": ("bm_george", "zm_yunyang"),
    "cedar": ("am_fenrir", "zm_yunjian"),
    "coral": ("af_bella", "zf_xiaoyi"),
    "echo": ("am_echo", "zm_yunyang"),
    "fable": ("bm_fable", "zm_yunxia"),
    "marin": ("af_heart", "zf_xiaobei"),
    "nova": ("af_nova", "zf_xiaoni"),
    "onyx": ("am_onyx", "zm_yunjian"),
    "sage": ("bf_emma", "zf_xiaoxiao"),
    "shimmer": ("af_sky", "zf_xiaoyi"),
    "verse": ("am_puck", "zm_yunxi"),
}
"""What stands for OpenAI's voices, each of which speaks every language: a voice for English, and one for Chinese."""

_WORD = re.compile(r"[A-Za-z]+")
_READ = 1000


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice with its emotions; ``style_of`` says how it speaks with one."""

    emotions: Emotions
    style_of: Callable[[str], VoiceStyle]


def speaker_meant(service: Service, model: str, voice: str | None, text: str) -> Speaker:
    """Who is to speak ``text``.

    A persona named by ``voice`` speaks, else the one named by ``model``, else the configured one. Any other voice takes
    the place of the persona's; what emotions change in it stays.

    Raises:
        ModelNotFound: There is no such persona, or no such model where that matters.
        BadParameter: There is no such voice; the message lists what there is.
    """
    persona = persona_meant(service, model) or service.persona()
    info = service.engines.tts.info
    if voice is None or voice == DEFAULT_VOICE:
        return _as(service, persona)
    if any(voice == known.name for known in info.voices):
        return _with(service, persona, voice)
    try:
        return _as(service, service.personas.find(voice))
    except UnknownName:
        pass
    if voice in OPENAI_VOICES:
        english, chinese = OPENAI_VOICES[voice]
        stand_in = chinese if _is_chinese(text) else english
        known = any(stand_in == known.name for known in info.voices)
        return _with(service, persona, stand_in) if known else _as(service, persona)
    raise _unknown(service, info, voice)


def voice_meant(service: Service, persona: Persona, name: str) -> str | None:
    """The voice of the TTS that speaks in a session with ``persona``; None is the persona's own.

    A session has one voice, so it is the persona's language that decides what stands for one of OpenAI's.

    Raises:
        UnknownName: There is no such voice; the message lists what there is. While the TTS is not up nobody knows.
    """
    if name in (DEFAULT_VOICE, persona.id):
        return None
    if not service.engines.is_up("tts"):
        return None if name in OPENAI_VOICES else name
    known = [voice.name for voice in service.engines.tts.info.voices]
    if name in known:
        return name
    if name in OPENAI_VOICES:
        english, chinese = OPENAI_VOICES[name]
        stand_in = chinese if persona.language.startswith("zh") else english
        return stand_in if stand_in in known else None
    raise UnknownName(
        f"There is no voice {name!r}.", hint=f"There are: {', '.join((DEFAULT_VOICE, *known, *OPENAI_VOICES))}."
    )


def _as(service: Service, persona: Persona) -> Speaker:
    return Speaker(persona.emotions_spoken(service.settings.session.emotions()), persona.style_for)


def _with(service: Service, persona: Persona, voice: str) -> Speaker:
    return Speaker(
        persona.emotions_spoken(service.settings.session.emotions()), partial(_changed_by, persona, VoiceStyle(voice))
    )


def _changed_by(persona: Persona, style: VoiceStyle, emotion: str) -> VoiceStyle:
    change = persona.emotions.style_of(emotion)
    return VoiceStyle(style.voice, change.speed, change.pitch)


def _is_chinese(text: str) -> bool:
    """Whether ``text`` begins with more Chinese characters than words of Latin letters."""
    text = text[:_READ]
    return sum(map(is_cjk, text)) > len(_WORD.findall(text))


def _unknown(service: Service, info: TTSInfo, voice: str) -> BadParameter:
    personas = ", ".join(persona.id for persona in service.personas.all)
    voices = ", ".join(known.name for known in info.voices)
    return BadParameter(
        f"There is no voice {voice!r}.",
        param="voice",
        hint=f"There are the personas {personas}; the voices of {info.model}: {voices}; and for OpenAI's names, "
        f"{', '.join(OPENAI_VOICES)}, one that stands for each.",
    )
