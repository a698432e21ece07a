import pytest
from benchmarks.asr import loops


@pytest.mark.parametrize(
    ("said", "heard", "language"),
    [
        ("南洋大厦停车场", "南洋大厦停车场南洋大厦停车场", "zh"),
        ("你只要爱我就够了", "你只要爱我就够了就够了就够了", "zh"),
        ("is in use", "is in use is in use", "en"),
        ("hello", "hello oooooo", "en"),
    ],
)
def test_what_is_said_once_and_heard_again_and_again_is_a_loop(said: str, heard: str, language: str):
    assert loops(said, heard, language)


@pytest.mark.parametrize(
    ("said", "heard", "language"),
    [
        ("it was the best of times, it was the worst", "it was the best of times, it was the worst", "en"),
        ("five five", "5-5", "en"),
        ("no no no no", "no no no no", "en"),
        ("三百零五千三百三十四", "三百三十三百三十四", "zh"),
        ("南洋大厦停车场", "南阳大厦停车场", "zh"),
    ],
)
def test_what_is_said_twice_or_misheard_is_none(said: str, heard: str, language: str):
    assert not loops(said, heard, language)
