from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from myna.config.settings import ASRSettings, LLMSettings, ServerSettings, SessionSettings, Settings
from myna.core.emotion import Emotions
from myna.engines.base import Sampling
from myna.session.bounds import Limits


def test_the_defaults_are_those_of_a_session():
    settings = Settings()
    assert settings.session.limits() == Limits()
    assert settings.session.emotions() == Emotions()
    assert settings.llm.sampling() == Sampling(temperature=0.7, top_p=0.95, top_k=50, max_tokens=512)


@pytest.mark.parametrize(
    ("language", "fixed"), [("auto", None), ("AUTO", None), ("zh", "zh"), (" EN ", "en"), ("yue", "yue")]
)
def test_a_language_is_a_code_or_auto(language: str, fixed: str | None):
    assert ASRSettings(language=language).fixed_language == fixed


@pytest.mark.parametrize("language", ["", "z", "english", "中文", "z1"])
def test_what_is_no_code_is_no_language(language: str):
    with pytest.raises(ValidationError, match="must be auto"):
        ASRSettings(language=language)


@pytest.mark.parametrize(
    ("given", "allowed", "default"),
    [
        ({"allowed_emotions": ("Happy", "Calm")}, ("Happy", "Calm"), "Calm"),
        ({"allowed_emotions": ("紧张", "兴奋")}, ("紧张", "兴奋", "平静"), "平静"),
        ({"allowed_emotions": ("紧张", "兴奋"), "default_emotion": "兴奋"}, ("紧张", "兴奋"), "兴奋"),
        ({"allowed_emotions": (" Happy ",), "default_emotion": "happy"}, ("Happy",), "Happy"),
        ({"allowed_emotions": ("开心",), "default_emotion": "Happy"}, ("开心",), "开心"),
    ],
)
def test_the_default_emotion_is_one_of_the_allowed(given: dict[str, Any], allowed: tuple[str, ...], default: str):
    assert SessionSettings(**given).emotions() == Emotions(allowed, default)


def test_a_certificate_is_for_https_and_a_key_for_a_certificate():
    both = ServerSettings(https=True, certificate=Path("a.crt"), certificate_key=Path("a.key"))
    assert (both.certificate, both.certificate_key) == (Path("a.crt"), Path("a.key"))
    with pytest.raises(ValidationError, match=r"needs server\.https = true"):
        ServerSettings(certificate=Path("a.crt"))
    with pytest.raises(ValidationError, match=r"needs server\.certificate"):
        ServerSettings(https=True, certificate_key=Path("a.key"))


def test_a_default_emotion_that_is_not_allowed_is_an_error():
    with pytest.raises(ValidationError, match="must be one of"):
        SessionSettings(default_emotion="紧张")


@pytest.mark.parametrize(
    "given", [{"max_tokens": 0}, {"temperature": -1}, {"temperature": 2.1}, {"top_p": 0}, {"top_k": -1}]
)
def test_generation_out_of_range_is_an_error(given: dict[str, Any]):
    with pytest.raises(ValidationError):
        LLMSettings(**given)
