import pytest

from myna.core.emotion import DEFAULT_EMOTIONS, TWINS, Emotions, name_in, twin


def test_the_default_list_names_six_emotions_in_two_languages() -> None:
    assert len(DEFAULT_EMOTIONS) == 12
    assert all(twin(chinese) == english and twin(english) == chinese for chinese, english in TWINS.items())


@pytest.mark.parametrize("name", ["Happy", "happy", " HAPPY ", "ha ppy"])
def test_a_name_is_found_whatever_its_case_and_spaces(name: str) -> None:
    assert Emotions().find(name) == "Happy"


@pytest.mark.parametrize(
    ("name", "language", "shown"),
    [
        ("平静", "en", "Calm"),
        ("Calm", "zh", "平静"),
        ("Calm", "en-GB", "Calm"),
        ("开心", "zh-TW", "开心"),
        ("紧张", "en", "紧张"),
    ],
)
def test_an_emotion_is_named_in_the_language_of_who_shows_it(name: str, language: str, shown: str) -> None:
    assert name_in(name, language) == shown


def test_an_alias_means_an_allowed_emotion() -> None:
    assert Emotions(aliases={"joy": "开心"}).find("Joy") == "开心"


def test_what_is_no_emotion_is_not_found() -> None:
    assert Emotions().find("1") is None
    assert Emotions().find("") is None


def test_an_added_emotion_has_no_twin_and_is_listed_in_both_languages() -> None:
    emotions = Emotions(allowed=(*DEFAULT_EMOTIONS, "紧张"))
    assert twin("紧张") is None
    assert emotions.in_language("zh") == (*TWINS.keys(), "紧张")
    assert emotions.in_language("en-GB") == (*TWINS.values(), "紧张")


def test_a_list_of_one_language_is_listed_whole_in_the_other() -> None:
    assert Emotions(allowed=("开心", "平静")).in_language("en") == ("开心", "平静")
