import pytest

from myna.engines.tts.bilingual import with_partner

KNOWN = {"zf_xiaobei", "zm_yunxi", "af_heart", "am_michael"}
CHINESE, ENGLISH = "ni↗xau↓", "həlˈO"


@pytest.mark.parametrize(
    ("voice", "phonemes", "partner"),
    [
        ("zf_xiaobei", f"{CHINESE} {ENGLISH}", "af_heart"),
        ("zm_yunjian", ENGLISH, "am_michael"),
        ("af_bella", CHINESE, "zf_xiaobei"),
        ("bm_george", f"{ENGLISH} {CHINESE}", "zm_yunxi"),
    ],
)
def test_a_voice_that_lacks_a_language_is_half_of_one_that_has_it(voice: str, phonemes: str, partner: str) -> None:
    assert with_partner({voice: 1.0}, phonemes, KNOWN) == {voice: 0.5, partner: 0.5}


@pytest.mark.parametrize(
    ("voice", "phonemes"),
    [("zf_xiaobei", CHINESE), ("af_heart", ENGLISH), ("jf_alpha", CHINESE), ("my_own", ENGLISH), ("zf_xiaobei", "...")],
)
def test_a_voice_that_knows_the_language_or_is_unknown_is_left_alone(voice: str, phonemes: str) -> None:
    assert with_partner({voice: 1.0}, phonemes, KNOWN) == {voice: 1.0}


def test_a_blend_keeps_its_proportions_and_the_partner_has_the_gender_of_its_heavier_voice() -> None:
    blend = {"zm_yunjian": 0.25, "zf_xiaobei": 0.75}
    assert with_partner(blend, ENGLISH, KNOWN) == {"zm_yunjian": 0.125, "zf_xiaobei": 0.375, "af_heart": 0.5}


def test_a_blend_that_has_both_languages_is_left_alone() -> None:
    blend = {"af_heart": 0.5, "zf_xiaobei": 0.5}
    assert with_partner(blend, CHINESE + ENGLISH, KNOWN) == blend


def test_without_the_partner_in_the_folder_the_voice_speaks_alone() -> None:
    assert with_partner({"zf_xiaobei": 1.0}, ENGLISH, {"zf_xiaobei"}) == {"zf_xiaobei": 1.0}
