import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.testing.clock import on_virtual_clock
from myna.testing.loudspeaker import Loudspeaker

RATE = 1000
SECOND = bytes(2 * RATE)


@on_virtual_clock
async def test_it_plays_in_real_time_and_what_is_flushed_never() -> None:
    loudspeaker = Loudspeaker(RATE)
    loudspeaker.play(SECOND)
    assert loudspeaker.played_ms == 0
    await anyio.sleep(0.25)
    assert loudspeaker.played_ms == 250
    assert loudspeaker.waits
    loudspeaker.flush()
    await anyio.sleep(5)
    assert not loudspeaker.waits
    assert len(loudspeaker.take()) == 500
    assert loudspeaker.played_ms == 0


@on_virtual_clock
async def test_time_in_which_it_pauses_or_has_nothing_to_play_does_not_count() -> None:
    loudspeaker = Loudspeaker(RATE)
    await anyio.sleep(3)
    loudspeaker.play(SECOND)
    await anyio.sleep(0.5)
    loudspeaker.pause()
    await anyio.sleep(3)
    assert loudspeaker.played_ms == 500
    loudspeaker.resume()
    await anyio.sleep(2)
    loudspeaker.play(SECOND)
    await anyio.sleep(0.1)
    assert loudspeaker.played_ms == 1100


@given(pieces=st.lists(st.tuples(st.binary(max_size=300), st.floats(0, 0.2)), max_size=20))
@settings(deadline=None)
def test_whatever_comes_whenever_is_played_whole_and_in_order(pieces: list[tuple[bytes, float]]) -> None:
    @on_virtual_clock
    async def play() -> None:
        loudspeaker = Loudspeaker(RATE)
        for piece, then_s in pieces:
            loudspeaker.play(piece + piece)
            await anyio.sleep(then_s)
        await anyio.sleep(100)
        assert loudspeaker.take() == b"".join(piece + piece for piece, _ in pieces)

    play()
