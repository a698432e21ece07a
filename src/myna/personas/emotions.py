"""The emotions of a persona: which it shows, how each sounds, and what else models call them."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from myna.core.emotion import Emotions, known_names, twin

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Part(BaseModel):
    """A table of a persona file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _fits_a_tag(name: str) -> str:
    if len(name) > 16 or re.search(r"[\[\]【】［］\r\n]", name):  # a tag counts within the first 20 characters only
        raise ValueError("must be at most 16 characters without brackets")
    return name


def _one_voice_is_a_blend(value: object) -> object:
    return {value: 1.0} if isinstance(value, str) else value


EmotionName = Annotated[Line, AfterValidator(_fits_a_tag)]

Blend = Annotated[
    dict[Line, Annotated[float, Field(gt=0)]], Field(min_length=1), BeforeValidator(_one_voice_is_a_blend)
]
"""Voices by name with their weights. In a file one voice may be written as just its name."""


class EmotionStyle(Part):
    """What an emotion changes in the persona's voice.

    Attributes:
        voice: Takes the place of the persona's.
        speed: Times the persona's.
        pitch: Semitones on top of the persona's.
    """

    voice: Blend | None = None
    speed: float = Field(default=1.0, ge=0.5, le=2)
    pitch: float = Field(default=0.0, ge=-12, le=12)


DEFAULT_STYLES: Mapping[str, EmotionStyle] = {
    "开心": EmotionStyle(speed=1.1, pitch=1),
    "生气": EmotionStyle(speed=1.15, pitch=-1),
    "悲伤": EmotionStyle(speed=0.86, pitch=-1),
    "惊讶": EmotionStyle(speed=1.08, pitch=2),
    "撒娇": EmotionStyle(speed=0.92, pitch=1.5),
}
"""How the default emotions sound unless the persona says otherwise. 平静 and any other name change nothing."""

_SYNONYMS: Mapping[str, str] = {
    "开心": "高兴 快乐 喜悦 愉快 欢乐 幸福 微笑 笑",
    "生气": "愤怒 气愤 恼火",
    "悲伤": "伤心 难过 失望 痛苦 忧伤 忧郁",
    "惊讶": "惊喜 惊奇 震惊 惊恐 好奇",
    "撒娇": "可爱 害羞",
    "平静": "平和 和平 平安 宁静 安静 冷静 温柔 温馨 中性",
    "Happy": "joy joyful happiness smile",
    "Angry": "anger mad",
    "Sad": "sadness disappointed",
    "Surprised": "surprise shocked curious",
    "Coquettish": "playful shy",
    "Calm": "neutral relaxed",
}

DEFAULT_ALIASES: Mapping[str, str] = {
    alias: emotion for emotion, aliases in _SYNONYMS.items() for alias in aliases.split()
}
"""What models, small ones above all, and cards in the wild write for the default emotions."""


class PersonaEmotions(Part):
    """What a persona shows.

    Attributes:
        default: The emotion of a reply that names none; None for the configured one.
        allowed: All that it may show; None for the configured ones and those that ``styles`` adds.
        styles: How an emotion sounds, in the place of `DEFAULT_STYLES`.
        aliases: Other names for an emotion (``joy = "开心"``), beside `DEFAULT_ALIASES`.
    """

    default: EmotionName | None = None
    allowed: Annotated[tuple[EmotionName, ...], Field(min_length=1)] | None = None
    styles: dict[EmotionName, EmotionStyle] = {}
    aliases: dict[Line, EmotionName] = {}

    @model_validator(mode="after")
    def _names_are_allowed(self) -> "PersonaEmotions":
        if self.allowed is not None:
            understood = _with_twins(self.allowed)
            for name in (*self.styles, *self.aliases.values(), self.default or self.allowed[0]):
                if understood.find(name) is None:
                    raise ValueError(f"{name} is not among the allowed emotions, which are {known_names(self.allowed)}")
        return self

    def style_of(self, emotion: str) -> EmotionStyle:
        """What ``emotion`` changes in the voice. Twins sound the same; an emotion nobody described changes nothing."""
        for styles in (self.styles, DEFAULT_STYLES):
            for name in (emotion, twin(emotion)):
                if name is not None and name in styles:
                    return styles[name]
        return EmotionStyle()

    def spoken(self, configured: Emotions) -> Emotions:
        """What replies may show: the persona's own emotions where it lists them, else the configured ones."""
        allowed = self.allowed
        if allowed is None:
            known = _with_twins(configured.allowed)
            allowed = (*configured.allowed, *(name for name in self.styles if known.find(name) is None))
        understood = _with_twins(allowed)
        aliases = {
            alias: name
            for alias, meant in {**DEFAULT_ALIASES, **configured.aliases, **self.aliases}.items()
            if (name := understood.find(meant)) is not None
        }
        default = understood.find(self.default or configured.default) or allowed[0]
        return Emotions(allowed, default, {**understood.aliases, **aliases})


def _with_twins(allowed: tuple[str, ...]) -> Emotions:
    """``allowed``, with a name in the other language understood as well: where 开心 is allowed, so is ``[Happy]``."""
    aliases = {other: name for name in allowed if (other := twin(name)) is not None and other not in allowed}
    return Emotions(allowed, allowed[0], aliases)
