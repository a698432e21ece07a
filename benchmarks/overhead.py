"""What Myna itself adds to a spoken turn: `myna serve` with engines that answer at once, and the real VAD.

``python -m benchmarks.overhead [--turns N] [--runs N] [--json] [--picture FILE]``

The deciding frame is the one with which the silence behind the speech has lasted as long as was set. From when it left
the client until the first audible sound came: that is all that Myna added, both ways over the line included.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import anyio
from benchmarks.clips import recordings
from benchmarks.fixed_engines import chosen
from benchmarks.realtime_client import FRAME_MS, Arrived, Message, RealtimeClient, frames, open_client
from benchmarks.report import Report, Table, Target, medians, percentile, positive, run
from benchmarks.server import serving
from benchmarks.sounds import MADE, listed, prepare

SILENCE_MS = 800
"""What is set. A whole number of the client's frames and of the VAD's, so that no rounding is taken for a delay."""

SETTINGS = {"MYNA_TURN_TAKING__STABLE_NOCHANGE_MS": "60000"}
"""The scripted ASR hears the same in all of an utterance; that must not end it."""

TURN_DETECTION = {"type": "server_vad", "silence_duration_ms": SILENCE_MS}

LOOK_AHEAD_MS = 10
"""How much audio Myna holds back to resample it from the 24 kHz of Realtime. No frame can decide before it has come."""

WITHIN_S = 5.0
"""A turn that does not come by then, after its silence, is lost."""

PLAYED_S = 0.4
"""The fixed reply has been played by then."""


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """What came of an utterance, in milliseconds since the deciding frame left.

    Attributes:
        decided_ms: The utterance was over.
        sound_ms: The first audible sound of the reply.
        spoken_until_ms: Where, in all the audio of the session, the server heard the speech end.
    """

    decided_ms: float
    sound_ms: float
    spoken_until_ms: float


async def spoken() -> list[list[Message]]:
    """Short utterances of people."""
    sounds = [sound for sound in listed() if sound.stops and sound.source not in (MADE, "speech")]
    return [frames(samples) for samples in (await prepare(sounds, recordings())).values()]


async def take_turn(client: RealtimeClient, utterance: Sequence[Message]) -> TurnTimes | None:
    """Say something and hear the answer; None if there is none. Ends when the reply has been played."""
    began_s = client.say(utterance)
    wait_s = len(utterance) * FRAME_MS / 1000 + SILENCE_MS / 1000 + WITHIN_S
    stopped = await client.until(_is_over, since_s=began_s, within_s=wait_s)
    if stopped is None:
        return None
    sound = await client.until(lambda come: come.audible, since_s=stopped.at_s, within_s=WITHIN_S)
    if sound is None:
        return None
    decided = next(come for come in reversed(client.since(began_s)) if _is_over(come))
    await client.until(lambda come: come.type == "response.done", since_s=sound.at_s, within_s=WITHIN_S)
    await anyio.sleep(PLAYED_S)
    until_ms = decided.event["audio_end_ms"]
    deciding_s = client.frame_s(until_ms + SILENCE_MS + LOOK_AHEAD_MS)
    return TurnTimes(1000 * (decided.at_s - deciding_s), 1000 * (sound.at_s - deciding_s), until_ms)


def _is_over(come: Arrived) -> bool:
    return come.type == "input_audio_buffer.speech_stopped"


async def turns(url: str, count: int) -> list[TurnTimes]:
    """One after another, each with another utterance than the last."""
    utterances = await spoken()
    async with open_client(url, turn_detection=TURN_DETECTION) as client:
        taken = [await take_turn(client, one) for one in islice(cycle(utterances), count)]
    return [one for one in taken if one]


def figures(delays_ms: Sequence[float]) -> dict[str, float]:
    """A row."""
    return {f"p{100 * share:.0f}, ms": percentile(delays_ms, share) for share in (0.5, 0.95, 0.99)}


def measure(wanted: Namespace) -> Report:
    tables: list[Table] = []
    lost = 0
    with serving(chosen("llm", "asr", "tts", "embed") | SETTINGS) as server:
        for _ in range(wanted.runs):
            taken = anyio.run(turns, server.realtime, wanted.turns)
            lost += wanted.turns - len(taken)
            tables.append(
                {
                    "the utterance is over": figures([one.decided_ms for one in taken]),
                    "first sound": figures([one.sound_ms for one in taken]),
                }
            )
    table = medians(tables)
    return Report(
        "What Myna adds to a turn, beyond the silence that was set and engines that take no time",
        table,
        packages=("uvicorn", "websockets", "onnxruntime"),
        targets=(
            Target("first sound, p50, ms", table["first sound"]["p50, ms"], "at most", 5),
            Target("first sound, p95, ms", table["first sound"]["p95, ms"], "at most", 15),
            Target("turns lost", lost, "at most", 0),
        ),
        notes=(f"resampling looks {LOOK_AHEAD_MS} ms ahead: that is not in the delay, but in when a frame can decide",),
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--turns", type=positive, default=45, help="of each run")


def main(arguments: Sequence[str] | None = None) -> None:
    run("overhead", measure, arguments, runs=2, add_options=add_options)


if __name__ == "__main__":
    main()
