import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.engines.tts.kokoro_vocabulary import LONGEST, PUNCTUATION, VOCABULARY
from myna.engines.tts.pronunciation import Pronunciation, cut, main_language, open_pronunciation
from myna.weights.locate import Weights

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def pronunciation(weights: Weights) -> Pronunciation:
    return open_pronunciation(weights.locate("misaki-en"))


texts = st.text() | st.lists(
    st.sampled_from(
        ["你好", "中", "，", "。", "hello ", "I'm ", "NASA ", "Kokoro ", "3.14", "12:30", "50%", "\x00", "🎉", "—", "["]
    )
).map("".join)


@given(text=texts)
@settings(deadline=None, max_examples=200)
def test_every_text_gives_symbols_that_the_model_knows(pronunciation: Pronunciation, text: str) -> None:
    assert set(pronunciation.phonemes(text)) <= set(VOCABULARY)


@given(phonemes=st.text(st.sampled_from("aˈbəŋ→↗ ,.!")), longest=st.integers(20, LONGEST))
def test_cutting_loses_no_sound_and_gives_no_piece_without_one(phonemes: str, longest: int) -> None:
    pieces = cut(phonemes, longest)
    assert all(0 < len(piece) <= longest and not PUNCTUATION.issuperset(piece) for piece in pieces)
    sounds = "".join(symbol for symbol in phonemes if symbol not in PUNCTUATION)
    assert "".join(symbol for symbol in "".join(pieces) if symbol not in PUNCTUATION) == sounds


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("你好", "ni↗xau↓"),  # third tone before third
        ("不是", "pu↗ʂɨ↘"),
        ("一天", "i↘tʰjɛ→n"),
        ("银行", "i↗nxa↗ŋ"),  # 行 by its phrase
        ("行走", "ɕi↗ŋʦou↓"),
    ],
)
def test_tones_and_polyphones_are_read_in_their_place(pronunciation: Pronunciation, text: str, phonemes: str) -> None:
    assert pronunciation.phonemes(text) == phonemes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我有3个苹果", "我有三个苹果"),
        ("今年是2026年", "今年是二零二六年"),
        ("涨了5%", "涨了百分之五"),
        ("这本书请看100、200页", "这本书请看一百，两百页"),
        ("考了95，100分", "考了九十五，一百分"),
        ("100m跑9.58s。", "一百米跑九点五八秒。"),
        ("约30min。", "约三十分钟。"),
        ("圆周率是3.14", "圆周率是三点一四"),
        ("气温-5℃到8℃", "气温零下五到八度"),
        ("这间房有30㎡大", "这间房有三十平方米大"),
        ("上午１０：３０开会", "上午十点三十分开会"),
        ("喝了1½杯水", "喝了一二分之一杯水"),
        ("发到abc@example.com这个邮箱", "发到 abc 艾特 example 点 com 这个邮箱"),
        ("打开https://www.example.com这个网站", "打开 example 点 com 这个网站"),
        ("北京-上海的高铁", "北京，上海的高铁"),
        ("他用C++写程序", "他用 C 加加写程序"),
        ("这里没有Wi-Fi可用", "这里没有 WiFi 可用"),
        ("他说 I have 3 apples 对不对呢", "他说 I have three apples 对不对呢"),
        ("I have 3 apples", "I have three apples"),
        ("It costs 20%", "It costs twenty percent"),
        ("NASA launched it", "Nasa launched it"),
        ("Dr. Smith", "Doctor Smith"),
    ],
)
def test_numbers_and_short_forms_are_spoken_as_words(pronunciation: Pronunciation, text: str, words: str) -> None:
    assert pronunciation.phonemes(text) == pronunciation.phonemes(words)


@pytest.mark.parametrize("word", ["Myna", "Wukong", "Kokoro", "zyxgh", "LLM", "ASR"])
def test_words_that_no_dictionary_has_are_not_dropped(pronunciation: Pronunciation, word: str) -> None:
    alone, among = pronunciation.phonemes(word), pronunciation.phonemes(f"This is {word} here")
    assert len(alone) >= 3
    assert len(among) > len(pronunciation.phonemes("This is here")) + 2


def test_the_main_language_is_that_of_most_words() -> None:
    assert main_language("我用 Python 写程序") == "zh"
    assert main_language("Say 你好 to her") == "en"
    assert main_language("OK吗") == "zh"
    assert main_language("5km in 20 minutes") == "en"


@pytest.mark.parametrize(("text", "words"), [("2。", "二。"), ("10:30。", "十点三十分。"), ("-12°C。", "零下十二度。")])
def test_what_has_no_words_is_spoken_in_the_voice_s_language(
    pronunciation: Pronunciation, text: str, words: str
) -> None:
    assert pronunciation.phonemes(text, chinese_voice=True) == pronunciation.phonemes(words)
    assert not set(pronunciation.phonemes(text)) & set("→↗↘↓")


def test_english_within_chinese_has_english_sounds_and_its_abbreviations_are_spelled(
    pronunciation: Pronunciation,
) -> None:
    assert "hˈWs" in pronunciation.phonemes("我住在一个 house 里面")
    assert "sˈi pˈi jˈu" in pronunciation.phonemes("我的CPU坏了")
    assert "nˈæsə" in pronunciation.phonemes("他在NASA工作")


@pytest.mark.parametrize("others", ["ひらがな", "안녕하세요", "Привет", "مرحبا", "🎉", "\x00", "∑∂", "\u200b"])
def test_what_cannot_be_spoken_is_left_out(pronunciation: Pronunciation, others: str) -> None:
    assert pronunciation.phonemes(others) == ""
    assert pronunciation.phonemes(f"你好{others}") == pronunciation.phonemes("你好")


@pytest.mark.parametrize("piece", ["你好，", "word ", "Python很好", ". ", "a@", "zq", "ひ", "\x00", "—", "' ", "1/"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_long_text_is_read(pronunciation: Pronunciation, piece: str, language: str) -> None:
    assert set(pronunciation.phonemes(piece * 5000, language)) <= set(VOCABULARY)


def test_a_text_of_100000_characters_is_read(pronunciation: Pronunciation) -> None:
    phonemes = pronunciation.phonemes("你好，我用 Python 写程序。" * 6250)
    assert phonemes.startswith(pronunciation.phonemes("你好，我用 Python 写程序。"))
    assert len(phonemes) > 200_000
