import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from myna.core.emotion import DEFAULT_EMOTIONS, TWINS, Emotions, twin
from myna.personas.emotions import DEFAULT_ALIASES, EmotionStyle, PersonaEmotions

names = st.sampled_from([*DEFAULT_EMOTIONS, "紧张", "兴奋", "得意"])
name_lists = st.lists(names, min_size=1, unique=True).map(tuple)


def test_a_persona_that_lists_nothing_shows_what_is_configured() -> None:
    configured = Emotions((*DEFAULT_EMOTIONS, "紧张"), "平静")
    spoken = PersonaEmotions().spoken(configured)
    assert spoken.allowed == configured.allowed
    assert spoken.default == "平静"


def test_a_persona_s_own_list_wins_over_the_configured_one() -> None:
    spoken = PersonaEmotions(allowed=("得意", "平静")).spoken(Emotions())
    assert spoken.allowed == ("得意", "平静")
    assert spoken.find("开心") is None


def test_a_style_for_a_new_emotion_makes_it_allowed() -> None:
    own = PersonaEmotions(styles={"得意": EmotionStyle(speed=1.2), "开心": EmotionStyle(speed=1.3)})
    assert own.spoken(Emotions()).allowed == (*DEFAULT_EMOTIONS, "得意")


def test_a_name_in_the_other_language_is_understood_without_being_allowed() -> None:
    assert PersonaEmotions(allowed=("开心", "平静")).spoken(Emotions()).find("happy") == "开心"


def test_what_models_write_for_a_default_emotion_is_understood() -> None:
    spoken = PersonaEmotions().spoken(Emotions())
    assert spoken.find("高兴") == "开心"
    assert spoken.find("joy") == "Happy"
    assert spoken.find("注意") is None


def test_an_alias_of_the_persona_s_wins_over_a_general_one() -> None:
    assert PersonaEmotions(aliases={"joy": "撒娇"}).spoken(Emotions()).find("joy") == "撒娇"


def test_an_emotion_that_a_user_adds_is_no_alias_any_more() -> None:
    assert PersonaEmotions().spoken(Emotions((*DEFAULT_EMOTIONS, "好奇"))).find("好奇") == "好奇"


@given(own=st.none() | name_lists, configured=name_lists, data=st.data())
def test_the_default_is_always_allowed_and_every_alias_means_an_allowed_emotion(
    own: tuple[str, ...] | None, configured: tuple[str, ...], data: st.DataObject
) -> None:
    default = data.draw(st.sampled_from(configured))
    spoken = PersonaEmotions(allowed=own).spoken(Emotions(configured, default))
    assert spoken.allowed == (own or configured)
    assert spoken.default in spoken.allowed
    assert set(spoken.aliases.values()) <= set(spoken.allowed)
    assert all(spoken.find(name) == name for name in spoken.allowed)


def test_the_default_keeps_its_meaning_in_a_list_of_the_other_language() -> None:
    assert PersonaEmotions(allowed=("Happy", "Calm")).spoken(Emotions()).default == "Calm"
    assert PersonaEmotions(allowed=("Happy", "Sad")).spoken(Emotions()).default == "Happy"


@pytest.mark.parametrize("name", TWINS)
def test_an_emotion_sounds_the_same_in_both_languages(name: str) -> None:
    own = PersonaEmotions(styles={name: EmotionStyle(speed=1.4)})
    assert own.style_of(name) == own.style_of(TWINS[name]) == EmotionStyle(speed=1.4)
    assert PersonaEmotions().style_of(name) == PersonaEmotions().style_of(TWINS[name])


def test_an_emotion_nobody_described_changes_nothing() -> None:
    assert PersonaEmotions().style_of("紧张") == EmotionStyle()


@pytest.mark.parametrize("alias", DEFAULT_ALIASES)
def test_a_general_alias_means_a_default_emotion_in_its_own_language(alias: str) -> None:
    meant = DEFAULT_ALIASES[alias]
    assert twin(meant) is not None
    assert alias not in DEFAULT_EMOTIONS
    assert alias.isascii() == meant.isascii()


@pytest.mark.parametrize(
    "wrong",
    [
        {"allowed": ["开心"], "default": "平静"},
        {"allowed": ["开心"], "styles": {"悲伤": {"speed": 0.9}}},
        {"allowed": ["开心"], "aliases": {"sad": "悲伤"}},
    ],
)
def test_a_name_outside_the_persona_s_own_list_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="is not among the allowed emotions, which are 开心"):
        PersonaEmotions.model_validate(wrong)


@pytest.mark.parametrize("name", ["", "[开心]", "十七个字的情绪名字实在是太长太长了呀", "开\n心"])
def test_a_name_that_fits_no_tag_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        PersonaEmotions(allowed=(name,))
