"""A persona: who answers, in which words, with which voice and which emotions."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from myna.core.emotion import Emotions
from myna.engines.base import VoiceStyle
from myna.personas.emotions import Blend, Line, Part, PersonaEmotions
from myna.personas.lore.model import Lorebook


def _is_slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        raise ValueError(
            "must be lower-case ASCII letters and digits with single hyphens between, like sherlock-holmes"
        )
    return value


def _is_language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]+)*", value):
        raise ValueError("must be a language code, like zh or en")
    return value


Slug = Annotated[Line, AfterValidator(_is_slug)]
Language = Annotated[Line, AfterValidator(_is_language)]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]


class Example(Part):
    """How the persona would answer. The answer begins with an emotion tag, as a reply does."""

    user: Annotated[Text, Field(min_length=1)]
    assistant: Annotated[Text, Field(min_length=1)]


class BaseVoice(Part):
    """The voice that emotions change; the fields are those of `VoiceStyle`."""

    voice: Blend
    speed: float = Field(default=1.0, ge=0.5, le=2)
    pitch: float = Field(default=0.0, ge=-12, le=12)


class LLMOverrides(Part):
    """What this persona wants of the LLM; None leaves it as configured."""

    profile: Literal["fast", "balanced", "quality"] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)


class About(Part):
    """What is shown of a persona to people, and never to the model."""

    creator: str = ""
    version: str = ""
    notes: Text = ""
    tags: tuple[Line, ...] = ()


class Persona(Part):
    """Who answers.

    Attributes:
        language: The main one, as a BCP 47 code (``zh``, ``en``); the emotion rules are written in it.
        avatar: An emoji, or the path of a picture.
        greeting: What it says first in a fresh conversation: display text, without a tag.
        greetings: Others that a client may choose from.
        system_prompt: Empty for the configured one, or else the built-in one; ``{{original}}`` in it stands for that.
        reminder: What the model is told beside the newest utterance, in every turn.
        language_hints: Whether an utterance in another language gets a word on which to answer in. Small models need it
            to follow the user's language; a persona that translates or teaches one must not have it.
        examples: A few-shot prompt, which small models follow better than any instruction.
        tools: Names of the tools that it may call; ``*`` in a name stands for anything.
        acknowledgements: What it says when a tool takes a while, one of them; none for nothing.
        memory_scope: Whether the other personas share what it remembers of the user.
        lorebook: What the model is told when certain words fall.
    """

    id: Slug
    name: Line
    language: Language
    avatar: Line = "🙂"
    greeting: Text = ""
    greetings: tuple[Text, ...] = ()
    system_prompt: Text = ""
    reminder: Text = ""
    language_hints: bool = False
    examples: tuple[Example, ...] = ()
    emotions: PersonaEmotions = PersonaEmotions()
    voice: BaseVoice
    tools: tuple[Line, ...] = ()
    acknowledgements: tuple[Line, ...] = ()
    memory_scope: Literal["shared", "persona"] = "shared"
    llm: LLMOverrides = LLMOverrides()
    lorebook: Lorebook | None = None
    about: About = About()

    def style_for(self, emotion: str) -> VoiceStyle:
        """How the persona speaks with ``emotion``: its voice with what the emotion changes."""
        change = self.emotions.style_of(emotion)
        blend = change.voice or self.voice.voice
        return VoiceStyle(
            voice=next(iter(blend)) if len(blend) == 1 else blend,
            speed=min(max(self.voice.speed * change.speed, 0.5), 2.0),
            pitch=min(max(self.voice.pitch + change.pitch, -12.0), 12.0),
        )

    def emotions_spoken(self, configured: Emotions) -> Emotions:
        """What its replies may show, given what the configuration allows."""
        return self.emotions.spoken(configured)
