from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from myna.engines.llm.transformers.detokenizer import Detokenizer

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufffd"))


def decode_bytes(tokens: Sequence[int]) -> str:
    return bytes(tokens).decode(errors="replace")


def pieces(text: str, detokenizer: Detokenizer) -> list[str]:
    return [*(detokenizer.feed(byte) for byte in text.encode()), detokenizer.finish()]


@settings(deadline=None)
@given(TEXTS)
def test_characters_that_are_spread_over_tokens_come_whole(text: str):
    given = pieces(text, Detokenizer(decode_bytes))
    assert "".join(given) == text
    assert not any("\ufffd" in piece for piece in given)


def test_a_character_comes_with_its_last_token():
    assert pieces("a你", Detokenizer(decode_bytes)) == ["a", "", "", "你", ""]


@settings(deadline=None)
@given(st.lists(st.sampled_from([" one", " two", "三", ","]), min_size=1))
def test_spaces_between_words_stay_where_a_tokenizer_drops_the_first(words: list[str]):
    def decode(tokens: Sequence[int]) -> str:
        return "".join(words[token] for token in tokens).removeprefix(" ")

    detokenizer = Detokenizer(decode)
    text = "".join(detokenizer.feed(token) for token in range(len(words))) + detokenizer.finish()
    assert text == "".join(words).removeprefix(" ")


def test_a_character_that_breaks_off_is_left_out():
    detokenizer = Detokenizer(decode_bytes)
    assert [detokenizer.feed(byte) for byte in "好你".encode()[:-1]] == ["", "", "好", "", ""]
    assert detokenizer.finish() == ""


def test_bytes_that_are_no_text_do_not_hold_up_what_follows():
    detokenizer = Detokenizer(decode_bytes)
    given = "".join(detokenizer.feed(byte) for byte in b"\xff\xff\xff\xff\xff\xff\xff\xffso")
    assert given.endswith("so")


def test_no_token_is_decoded_again_and_again():
    decoded: list[int] = []

    def decode(tokens: Sequence[int]) -> str:
        decoded.append(len(tokens))
        return decode_bytes(tokens)

    pieces("床前明月光，疑是地上霜。" * 100, Detokenizer(decode))
    assert max(decoded) <= 8
