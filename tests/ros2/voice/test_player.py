from hypothesis import given, settings
from hypothesis import strategies as st

from myna_ros.player import LONGEST_S, Mark, Player, Sound

RATE = 24_000
SECOND = bytes(RATE * 2)


def left(player: Player, now_s: float) -> int:
    """Milliseconds of audio that leave now."""
    return sum(len(each.pcm) for each in player.take(now_s) if isinstance(each, Sound)) * 1000 // len(SECOND)


def test_sound_leaves_at_the_pace_at_which_it_is_played_a_lead_ahead() -> None:
    player = Player(RATE, lead_ms=100)
    player.feed("r", SECOND * 3)
    gone = [left(player, at / 100) for at in range(100)]
    assert gone[0] == 100
    assert 1080 <= sum(gone) <= 1100
    assert max(gone[1:]) == 20


def test_how_much_was_played_is_known_to_the_millisecond() -> None:
    player = Player(RATE, lead_ms=100, latency_ms=50)
    player.feed("r", SECOND)
    for at in range(51):
        left(player, at / 100)
    assert player.position(0.5) == ("r", 450)
    left(player, 5.0)
    for at in range(500, 700):
        left(player, at / 100)
    assert player.position(9.0) == ("r", 1000)


def test_a_pause_keeps_what_waits_and_goes_on_there() -> None:
    player = Player(RATE, lead_ms=100)
    player.feed("r", SECOND)
    before = left(player, 0.0)
    player.pause()
    assert [left(player, at / 10) for at in range(1, 20)] == [0] * 19
    assert player.position(2.0) == ("r", before)
    player.resume()
    after = sum(left(player, 2 + at / 100) for at in range(200))
    assert before + after == 1000


def test_a_flush_forgets_what_waits_and_counts_what_was_heard() -> None:
    player = Player(RATE, lead_ms=200)
    player.feed("r", SECOND)
    left(player, 0.0)
    player.flush()
    player.forget_ahead(0.1)
    assert not player.busy(0.1)
    assert player.position(0.1) == ("r", 100)
    assert left(player, 1.0) == 0


def test_a_mark_comes_when_the_sound_before_it_has_left() -> None:
    player = Player(RATE, lead_ms=100)
    player.mark("happy")
    player.feed("r", SECOND)
    player.mark("sad")
    told = [(at, each.text) for at in range(200) for each in player.take(at / 100) if isinstance(each, Mark)]
    assert [text for _, text in told] == ["happy", "sad"]
    assert told[0][0] == 0
    assert 85 <= told[1][0] <= 100


def test_what_is_too_much_is_left_out_and_counted() -> None:
    player = Player(RATE)
    for _ in range(round(LONGEST_S) + 3):
        player.feed("r", SECOND)
    assert player.lost_ms == 3_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 4_000).map(lambda samples: bytes(samples * 2)), min_size=1, max_size=8),
    st.lists(st.sampled_from(["pause", "resume", "wait"]), max_size=12),
)
def test_nothing_is_lost_or_doubled_however_it_pauses(pieces: list[bytes], orders: list[str]) -> None:
    player = Player(RATE)
    for piece in pieces:
        player.feed("r", piece)
    now_s, gone = 0.0, 0
    for order in [*orders, "resume"]:
        if order == "pause":
            player.pause()
        elif order == "resume":
            player.resume()
        now_s += 0.03
        gone += sum(len(each.pcm) for each in player.take(now_s) if isinstance(each, Sound))
    while player.busy(now_s):
        now_s += 0.01
        gone += sum(len(each.pcm) for each in player.take(now_s) if isinstance(each, Sound))
    assert gone == sum(map(len, pieces))
