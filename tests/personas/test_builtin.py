import re

import pytest

from myna.core.emotion import DEFAULT_EMOTIONS, TWINS, Emotions
from myna.engines.base import VoiceStyle
from myna.personas.load import Personas
from myna.personas.model import Persona

ALL = Personas().all
CHARACTERS = [persona for persona in ALL if not persona.id.startswith("assistant")]

TAG = re.compile(r"\[([^\]]+)\] ")
CHINESE = re.compile(r"[\u4e00-\u9fff]")

# Voices of Kokoro v1.0 that were recorded in each language.
VOICES = {"zh": re.compile(r"z[fm]_"), "en": re.compile(r"[ab][fm]_")}


def audibly_differ(one: VoiceStyle, other: VoiceStyle) -> bool:
    rate = one.speed / other.speed
    return max(rate, 1 / rate) >= 1.08 or abs(one.pitch - other.pitch) >= 1 or one.voice != other.voice


def by_id(persona: Persona) -> str:
    return persona.id


each = pytest.mark.parametrize("persona", ALL, ids=by_id)


@each
@pytest.mark.parametrize("emotion", [name for name in DEFAULT_EMOTIONS if name not in ("平静", "Calm")])
def test_each_emotion_differs_audibly_from_calm(persona: Persona, emotion: str) -> None:
    assert audibly_differ(persona.style_for(emotion), persona.style_for("平静"))


@each
def test_any_two_default_emotions_differ_audibly(persona: Persona) -> None:
    styles = [persona.style_for(name) for name in TWINS]
    assert all(audibly_differ(one, other) for one in styles for other in styles if one is not other)


@each
def test_calm_and_an_emotion_that_a_user_adds_are_the_plain_voice(persona: Persona) -> None:
    assert persona.style_for("Calm") == persona.style_for("平静") == persona.style_for("紧张")


@each
def test_each_has_an_avatar_a_greeting_and_a_voice_of_its_language(persona: Persona) -> None:
    assert persona.avatar
    assert persona.greeting
    assert not persona.greeting.startswith("[")
    assert all(VOICES[persona.language].match(voice) for voice in persona.voice.voice)


@each
def test_examples_begin_with_an_allowed_tag_and_answer_in_the_user_s_language(persona: Persona) -> None:
    emotions = persona.emotions_spoken(Emotions())
    listed = emotions.in_language(persona.language)
    assert persona.examples
    for example in persona.examples:
        tag = TAG.match(example.assistant)
        assert tag is not None
        assert tag[1] in listed
        spoken = example.assistant[tag.end() :]
        assert bool(CHINESE.search(spoken)) == bool(CHINESE.search(example.user))
        assert len(re.findall(r"[。！？.!?]", spoken)) <= 3
        assert not re.search(r"[\n*#`\[\]]", spoken)


@each
def test_examples_show_several_emotions_and_both_languages(persona: Persona) -> None:
    tags = {example.assistant.partition("]")[0] for example in persona.examples}
    assert len(tags) >= 3
    assert {bool(CHINESE.search(example.user)) for example in persona.examples} == {True, False}


def test_no_two_sound_or_greet_alike() -> None:
    assert len({persona.greeting for persona in ALL}) == len(ALL)
    assert len({persona.avatar for persona in CHARACTERS}) == len(CHARACTERS)
    assert len({(tuple(persona.voice.voice), persona.voice.speed, persona.voice.pitch) for persona in ALL}) == len(ALL)


def test_the_plain_assistants_leave_the_prompt_to_the_configuration() -> None:
    assert [persona.id for persona in ALL if not persona.system_prompt] == ["assistant-zh", "assistant"]
