import pytest

from myna.engines.asr.whisper_guards import Evidence, is_doubtful, is_impossible, is_made_up

# What Whisper base wrote: text, seconds of speech, probability that nobody speaks, mean log-probability.
SAID = [
    ("谢谢", 0.38, 0.002, -0.73),
    ("谢谢观看", 1.02, 0.004, -0.35),
    ("谢谢观看", 0.99, 0.09, -0.58),
    (" Thank you.", 0.61, 0.005, -0.64),
    (" Thank you.", 0.61, 0.05, -0.66),
    (" Thank you for watching.", 1.06, 0.001, -0.48),
    (" Thank you for your patience.", 1.22, 0.001, -0.34),
    ("Bye!", 0.42, 0.005, -1.13),
    ("你只要爱我就够了", 1.34, 0.004, -0.31),
    (" Press one to record your unavailable message.", 2.9, 0.509, -0.16),
    (" l", 0.0, 0.021, -1.12),
]
MADE_UP = [
    (" Thank you very much.", 0.1, 0.5, -1.12),
    (" Thank you very much for watching!", 0.1, 0.402, -1.2),
    (" I'll see you in the next video.", 0.29, 0.924, -1.2),
    (" You", 0.16, 0.894, -0.95),
    (" . . .", 0.54, 0.822, -1.16),
    (" PLEASE", 0.0, 0.17, -1.36),
    ("", 1.0, 0.0, 0.0),
    ("字幕由Amara.org社区提供", 0.2, 0.55, -0.3),
    ("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", 0.4, 0.3, -0.2),
    ("谢谢大家", 0.5, 0.35, -0.6),
]


@pytest.mark.parametrize("evidence", [Evidence(*each) for each in SAID], ids=lambda each: each.text)
def test_what_was_said_is_kept(evidence: Evidence):
    assert not is_made_up(evidence)


@pytest.mark.parametrize("evidence", [Evidence(*each) for each in MADE_UP], ids=lambda each: each.text)
def test_what_was_made_up_is_not(evidence: Evidence):
    assert is_made_up(evidence)


@pytest.mark.parametrize(
    ("text", "speech_s"),
    [
        ("16 16 16 16 16 16 16", 0.5),
        ("我們要做些什麼,做些什麼,做些什麼,做些什麼", 4.0),
        (" BAAAAAAAH!", 3.0),
        ("I went to the market and I went to the market and", 6.0),
        ("Yesterday I went to the market with my brother, and we bought apples", 1.0),
    ],
)
def test_loops_and_haste_are_doubtful(text: str, speech_s: float):
    assert is_doubtful(Evidence(text, speech_s, 0.01, -0.2))


@pytest.mark.parametrize(
    ("text", "speech_s"),
    [
        ("谢谢谢谢", 0.9),
        ("我的电话号码是1380-1380-00", 3.1),
        ("Five, five.", 0.8),
        ("It was the best of times, it was the worst of times.", 3.2),
        ("却存在对基金持有人中小投资者利益考虑不足的情况", 5.8),
        ("好", 0.0),
    ],
)
def test_ordinary_repetition_and_pace_are_not(text: str, speech_s: float):
    assert not is_doubtful(Evidence(text, speech_s, 0.01, -0.2))


def test_what_nobody_could_say_in_the_time_is_impossible():
    text = "I don't know if it's true, but I think it's true, and I don't know."
    assert is_impossible(Evidence(text, 0.35, 0.3, -0.3))
    assert not is_impossible(Evidence(text, 3.0, 0.3, -0.3))
