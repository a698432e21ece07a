import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES  # pyright: ignore[reportPrivateUsage]

from myna.server.errors import BadParameter
from myna.server.openai.languages import LANGUAGES, language_code, language_name


def test_every_language_that_whisper_knows_has_a_name() -> None:
    assert set(LANGUAGES) == set(_LANGUAGE_CODES)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_language_is_found_by_its_code_and_by_its_name(code: str) -> None:
    assert language_code(code) == language_code(language_name(code)) == code


@pytest.mark.parametrize("written", ["zh", " ZH ", "zh-CN", "zh_TW", "Chinese", "zh-Hans-CN"])
def test_it_may_be_written_in_several_ways(written: str) -> None:
    assert language_code(written) == "zh"


@pytest.mark.parametrize("written", ["", " ", "-", "klingon", "xx", "e\x00n", "1"])
def test_what_is_no_language_is_refused(written: str) -> None:
    with pytest.raises(BadParameter, match="There is no language"):
        language_code(written)


def test_no_language_has_no_name_and_an_unknown_code_is_told_as_it_is() -> None:
    assert (language_name(None), language_name("tlh")) == ("", "tlh")
