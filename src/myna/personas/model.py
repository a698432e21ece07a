"""A persona: who answers, in which words, with which voice and which emotions."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from myna.core.emotion import Emotions, known_names, twin
from myna.engines.base import VoiceStyle

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]
EmotionName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16, pattern=r"^[^\[\]【】［］\r\n]+$")
]


def _one_voice_is_a_blend(value: object) -> object:
    return {value: 1.0} if isinstance(value, str) else value


Blend = Annotated[
    dict[Line, Annotated[float, Field(gt=0)]], Field(min_length=1), BeforeValidator(_one_voice_is_a_blend)
]
"""Voices by name with their weights; in a file, one voice may be written as just its name."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(_Part):
    """How the persona would answer. The answer begins with an emotion tag, as real ones do."""

    user: Annotated[Text, Field(min_length=1)]
    assistant: Annotated[Text, Field(min_length=1)]


class BaseVoice(_Part):
    """The persona's calm voice; ``speed`` and ``pitch`` as in `VoiceStyle`."""

    voice: Blend
    speed: float = Field(1.0, ge=0.5, le=2)
    pitch: float = Field(0.0, ge=-12, le=12)


class EmotionStyle(_Part):
    """What an emotion changes in the base voice.

    Attributes:
        voice: Takes the place of the base voice.
        speed: Times the base speed.
        pitch: Semitones on top of the base pitch.
    """

    voice: Blend | None = None
    speed: float = Field(1.0, ge=0.5, le=2)
    pitch: float = Field(0.0, ge=-12, le=12)


DEFAULT_STYLES: Mapping[str, EmotionStyle] = {
    "开心": EmotionStyle(speed=1.1, pitch=1),
    "生气": EmotionStyle(speed=1.15, pitch=-1),
    "悲伤": EmotionStyle(speed=0.86, pitch=-1),
    "惊讶": EmotionStyle(speed=1.08, pitch=2),
    "撒娇": EmotionStyle(speed=0.92, pitch=1.5),
}
"""What the default emotions change unless the persona says otherwise. 平静, and any name not known here, nothing."""


class PersonaEmotions(_Part):
    """What the persona shows.

    Attributes:
        default: The emotion of a reply that names none; None for the configured one.
        allowed: All that it may show; None for the configured ones and those that ``styles`` adds.
        styles: How an emotion sounds.
        aliases: Other names for an emotion (``joy = "开心"``).
    """

    default: EmotionName | None = None
    allowed: Annotated[tuple[EmotionName, ...], Field(min_length=1)] | None = None
    styles: dict[EmotionName, EmotionStyle] = {}
    aliases: dict[Line, EmotionName] = {}

    @model_validator(mode="after")
    def _names_are_allowed(self) -> "PersonaEmotions":
        if self.allowed is None:
            return self
        allowed = Emotions(self.allowed, aliases=_twins(self.allowed))
        named = (*self.styles, *self.aliases.values(), *((self.default,) if self.default else ()))
        for name in named:
            if allowed.find(name) is None:
                raise ValueError(f"{name} is not among the allowed emotions: {known_names(self.allowed)}")
        return self


class LLMOverrides(_Part):
    """What this persona wants of the LLM; None leaves it as configured."""

    profile: Literal["fast", "balanced", "quality"] | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1)


class Persona(_Part):
    """Who answers.

    Attributes:
        id: ASCII slug.
        language: What it mainly speaks, as a BCP 47 code (``zh``, ``en``): the emotion rules are written in it.
        avatar: An emoji, or the path of a picture.
        greeting: What it says first in a fresh conversation, display text; may be empty.
        system_prompt: Empty for the configured or built-in one.
        examples: A few-shot prompt; what small models follow best.
        tools: Names of the tools it may call.
        memory_scope: Whether what it remembers of the user is shared with the other personas.
    """

    id: Slug
    name: Line
    language: Language
    avatar: Line = "🙂"
    greeting: Text = ""
    system_prompt: Text = ""
    examples: tuple[Example, ...] = ()
    emotions: PersonaEmotions = PersonaEmotions()
    voice: BaseVoice
    tools: tuple[Line, ...] = ()
    memory_scope: Literal["shared", "persona"] = "shared"
    llm: LLMOverrides = LLMOverrides()

    def style_for(self, emotion: str) -> VoiceStyle:
        """How the persona speaks with ``emotion``; an emotion that nobody described sounds as the base voice."""
        change = _style_of(emotion, self.emotions.styles) or _style_of(emotion, DEFAULT_STYLES) or EmotionStyle()
        blend = change.voice or self.voice.voice
        return VoiceStyle(
            voice=next(iter(blend)) if len(blend) == 1 else blend,
            speed=min(max(self.voice.speed * change.speed, 0.5), 2.0),
            pitch=min(max(self.voice.pitch + change.pitch, -12.0), 12.0),
        )

    def emotions_spoken(self, configured: Emotions) -> Emotions:
        """What its replies may show: its own emotions where it names them, else the configured ones.

        A name of the other language is understood as well, so ``[Happy]`` is no stray text where only 开心 is allowed.
        """
        own = self.emotions
        allowed = own.allowed
        if allowed is None:
            known = Emotions(configured.allowed, aliases=_twins(configured.allowed))
            allowed = (*configured.allowed, *(name for name in own.styles if known.find(name) is None))
        understood = Emotions(allowed, aliases=_twins(allowed))
        aliases = {
            alias: name
            for alias, meant in {**configured.aliases, **own.aliases}.items()
            if (name := understood.find(meant)) is not None
        }
        return Emotions(
            allowed=allowed,
            default=understood.find(own.default or configured.default) or allowed[0],
            aliases={**understood.aliases, **aliases},
        )


def _twins(allowed: tuple[str, ...]) -> dict[str, str]:
    return {other: name for name in allowed if (other := twin(name)) is not None and other not in allowed}


def _style_of(emotion: str, styles: Mapping[str, EmotionStyle]) -> EmotionStyle | None:
    return styles.get(emotion) or styles.get(twin(emotion) or "")
