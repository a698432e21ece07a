import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from myna.engines.base import VoiceStyle
from myna.personas.emotions import EmotionStyle, PersonaEmotions
from myna.personas.model import BaseVoice, Persona

MINIMAL: dict[str, object] = {"id": "mina", "name": "米娜", "language": "zh", "voice": {"voice": "zf_xiaoyi"}}


def persona(**fields: object) -> Persona:
    return Persona.model_validate(MINIMAL | fields)


def test_id_name_language_and_voice_are_enough() -> None:
    assert persona().style_for("平静") == VoiceStyle("zf_xiaoyi")


def test_an_emotion_changes_the_voice_relative_to_the_base() -> None:
    mina = persona(
        voice={"voice": "zf_xiaoyi", "speed": 1.2, "pitch": -1},
        emotions={"styles": {"开心": {"speed": 1.5, "pitch": 3}}},
    )
    style = mina.style_for("开心")
    assert (style.voice, style.speed, style.pitch) == ("zf_xiaoyi", pytest.approx(1.8), 2)


def test_an_emotion_may_have_a_voice_of_its_own() -> None:
    mina = persona(emotions={"styles": {"生气": {"voice": {"zf_xiaoyi": 3, "zf_xiaoni": 1}}}})
    assert mina.style_for("生气") == VoiceStyle({"zf_xiaoyi": 3, "zf_xiaoni": 1})


def test_an_unknown_emotion_sounds_as_the_base_voice() -> None:
    assert persona().style_for("紧张") == VoiceStyle("zf_xiaoyi")


rates = st.floats(0.5, 2)
pitches = st.floats(-12, 12)


@given(rates, pitches, rates, pitches)
def test_a_style_stays_within_what_a_tts_takes(speed: float, pitch: float, faster: float, higher: float) -> None:
    mina = persona(
        voice=BaseVoice(voice={"zf_xiaoyi": 1.0}, speed=speed, pitch=pitch),
        emotions=PersonaEmotions(styles={"开心": EmotionStyle(speed=faster, pitch=higher)}),
    )
    style = mina.style_for("Happy")
    assert 0.5 <= style.speed <= 2
    assert -12 <= style.pitch <= 12


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("id", "Mina", "lower-case ASCII"),
        ("id", "小米", "lower-case ASCII"),
        ("id", "a--b", "lower-case ASCII"),
        ("id", "../etc", "lower-case ASCII"),
        ("language", "Chinese", "language code"),
        ("name", "  ", "at least 1 character"),
        ("voice", {"voice": {}}, "at least 1 item"),
        ("voice", {"voice": {"a": 0}}, "greater than 0"),
        ("voice", {"voice": "a", "speed": 3}, "less than or equal to 2"),
        ("memory_scope", "none", "'shared' or 'persona'"),
        ("llm", {"profile": "best"}, "'fast', 'balanced' or 'quality'"),
        ("examples", [{"user": "hi"}], "Field required"),
    ],
)
def test_a_wrong_field_is_refused_with_what_is_allowed(field: str, value: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        persona(**{field: value})


def test_a_persona_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        persona().name = "else"  # pyright: ignore[reportAttributeAccessIssue] - that is the test
