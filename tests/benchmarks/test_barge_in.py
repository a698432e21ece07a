import pytest
from benchmarks.barge_in import Outcome, figures
from benchmarks.heard import Spoken
from benchmarks.realtime_client import Cut
from benchmarks.sounds import Sound

COUGH = Sound("cough", "cough", "scratch", "cough.wav", "", "")
STOP = Sound("stop", "interruption", "kokoro", "af_heart", "en", "Stop.")


@pytest.mark.parametrize(
    ("outcome", "right"),
    [
        (Outcome(COUGH), True),
        (Outcome(COUGH, paused_ms=90.0, resumed=True), True),
        (Outcome(COUGH, paused_ms=90.0), False),
        (Outcome(COUGH, paused_ms=90.0, stopped_ms=400.0), False),
        (Outcome(STOP, paused_ms=90.0, stopped_ms=400.0), True),
        (Outcome(STOP, paused_ms=90.0, resumed=True), False),
        (Outcome(STOP), False),
    ],
)
def test_an_interruption_has_to_stop_the_reply_and_nothing_else_may(outcome: Outcome, right: bool):
    assert outcome.right is right


def test_a_row_counts_what_was_missed_and_what_stopped_for_nothing():
    spoken = {"en": Spoken(["one", "two", "three"], [500.0, 1000.0, 1500.0], "en")}
    stopped = Outcome(STOP, 100.0, stopped_ms=300.0, last_audio_ms=90.0, heard="One", cut=Cut(1.0, "item", 1200.0))
    row = figures([Outcome(COUGH, 80.0, stopped_ms=500.0), Outcome(COUGH), stopped, Outcome(STOP)], spoken)
    assert (row["other sounds"], row["false stops"]) == (2, 1)
    assert (row["interruptions"], row["missed"]) == (2, 1)
    assert (row["paused, p95, ms"], row["last audio, p95, ms"], row["told to stop, p95, ms"]) == (100, 90, 300)
    assert row["heard, en, off by, p95, words"] == 1
