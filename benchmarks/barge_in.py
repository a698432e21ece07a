"""Speaking over Myna: how soon it is silent, what it takes for speech and what not, and what it takes for heard.

``python -m benchmarks.barge_in [--every N] [--runs N] [--json] [--picture FILE]``

Over a long reply the sounds of `benchmarks.sounds` are played: coughs, backchannels and noises, which must not stop it,
and interruptions, which must. Everything is real but the LLM, which repeats what it is asked. One client pauses when it
is told to; a plain one, as the official clients are, only stops.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random

import anyio
from benchmarks.clips import recordings
from benchmarks.fixed_engines import chosen
from benchmarks.heard import Spoken, spoken
from benchmarks.realtime_client import RATE, Arrived, Cut, RealtimeClient, frames, open_client
from benchmarks.report import Report, Table, Target, medians, percentile, positive, run
from benchmarks.server import serving
from benchmarks.sounds import Sound, listed, prepare, spread
from benchmarks.stories import STORIES

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.engines.asr.faster_whisper import FasterWhisperOptions, plugin
from myna.engines.base import ASROptions, Resources, Samples
from myna.engines.samples import from_pcm16, resample
from myna.engines.scheduler import open_scheduler
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

PERSONAS = {"zh": "assistant-zh", "en": "assistant"}

TURN_DETECTION = {"type": "server_vad", "silence_duration_ms": 500, "create_response": False}
"""What interrupts is heard, but not answered: the next thing is asked at once."""

DECIDED_S = 2.5
"""After the end of a sound, what came of it has to be decided."""

ANSWERS_S = 10.0
"""So long the server may take for an event that has to come."""

TRIES = 3

BEGINS_S = 30.0
"""So long a reply may take to begin."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sound came to; times in milliseconds since its onset, None if it did not happen.

    Attributes:
        paused_ms: The client was told to pause.
        resumed: The client was told to go on.
        stopped_ms: The client was told that the user speaks, which ends the reply.
        last_audio_ms: The last audio of a reply that was stopped came.
        heard: What Myna says was heard of it.
        cut: When and where the loudspeaker stopped.
    """

    sound: Sound
    paused_ms: float | None = None
    resumed: bool = False
    stopped_ms: float | None = None
    last_audio_ms: float | None = None
    heard: str = ""
    cut: Cut | None = None

    @property
    def right(self) -> bool:
        """Whether it was decided as it should be. A reply that stays paused is as good as stopped."""
        stopped = self.stopped_ms is not None or (self.paused_ms is not None and not self.resumed)
        return stopped == self.sound.stops

    def told(self) -> str:
        """A line about what was not right."""
        what = "stopped Myna" if self.stopped_ms is not None else "left Myna paused" if self.paused_ms else "was missed"
        return f"{self.sound.kind}: {self.sound.name} {what}"


@dataclass(slots=True)
class Room:
    """A client that listens to Myna, and what is played into its microphone."""

    client: RealtimeClient
    language: str
    random: Random = field(default_factory=lambda: Random(2))

    async def play(self, sound: Sound, samples: Samples) -> Outcome:
        """Play a sound while Myna speaks; once more if the reply was over before it was decided."""
        said = frames(samples)
        for _ in range(TRIES):
            await self._listen()
            onset_s = self.client.say(said)
            await anyio.sleep_until(onset_s + len(samples) / HEARING_RATE)
            await self.client.until(_stops, since_s=onset_s, within_s=DECIDED_S)
            outcome = await self._outcome(sound, onset_s)
            if outcome.stopped_ms is not None or self.client.plays:
                return outcome
        raise SystemExit(f"Myna never spoke for as long as it takes to play {sound.name!r}.")

    async def _listen(self) -> None:
        """Until Myna has spoken for a while."""
        if not self.client.plays:
            asked_s = anyio.current_time()
            await self.client.ask(STORIES[self.language])
            if not await self.client.until(lambda come: come.audible, since_s=asked_s, within_s=BEGINS_S):
                raise SystemExit("Myna did not begin to speak.")
        await anyio.sleep(self.random.uniform(1.0, 2.5))

    async def _outcome(self, sound: Sound, onset_s: float) -> Outcome:
        come = self.client.since(onset_s)
        paused_ms = _since(onset_s, next((one for one in come if one.type == "myna.playback.paused"), None))
        resumed = any(one.type == "myna.playback.resumed" for one in come)
        stop = next(filter(_stops, come), None)
        if stop is None or not self.client.cuts or self.client.cuts[-1].at_s < onset_s:
            return Outcome(sound, paused_ms, resumed)
        await self._after(onset_s, "input_audio_buffer.committed")
        cut = self.client.cuts[-1]
        heard = await self._heard(cut, onset_s)
        audio = [one for one in self.client.since(onset_s) if _is_audio_of(one, cut.item_id)]
        last_ms = _since(onset_s, audio[-1]) if audio else 0.0
        return Outcome(sound, paused_ms, resumed, _since(onset_s, stop), last_ms, heard, cut)

    async def _heard(self, cut: Cut, onset_s: float) -> str:
        """What the conversation keeps of a reply."""
        await self._after(onset_s, "response.done")
        if not self.client.pauses:
            await self._after(cut.at_s, "conversation.item.truncated")
        asked_s = anyio.current_time()
        await self.client.tell("conversation.item.retrieve", item_id=cut.item_id)
        retrieved = await self._after(asked_s, "conversation.item.retrieved")
        return "".join(part.get("transcript") or "" for part in retrieved.event["item"]["content"])

    async def _after(self, since_s: float, kind: str) -> Arrived:
        if arrived := await self.client.until(lambda come: come.type == kind, since_s=since_s, within_s=ANSWERS_S):
            return arrived
        raise SystemExit(f"No {kind} came within {ANSWERS_S:g} s.")


def _since(onset_s: float, arrived: Arrived | None) -> float | None:
    return None if arrived is None else 1000 * (arrived.at_s - onset_s)


def _stops(arrived: Arrived) -> bool:
    return arrived.type == "input_audio_buffer.speech_started"


def _is_audio_of(arrived: Arrived, item_id: str) -> bool:
    return arrived.type == "response.output_audio.delta" and arrived.event["item_id"] == item_id


@dataclass(slots=True)
class Listened:
    """What one client heard: the outcomes, and the whole audio of the reply, 16-bit PCM at `RATE`."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    whole: dict[str, bytes] = field(default_factory=dict[str, bytes])


async def listen(url: str, sounds: Mapping[Sound, Samples], *, pauses: bool) -> Listened:
    """Play all sounds to a client of each language; what has no language goes to the Chinese one."""
    listened = Listened()
    for language, persona in PERSONAS.items():
        own = [sound for sound in sounds if (sound.language or "zh") == language]
        async with open_client(
            f"{url}?model=myna/{persona}",
            turn_detection=TURN_DETECTION,
            events=["playback"] if pauses else [],
        ) as client:
            room = Room(client, language)
            for sound in own:
                outcome = await room.play(sound, sounds[sound])
                listened.outcomes.append(outcome)
                print("." if outcome.right else "!", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            listened.whole[language] = bytes(max(client.received.values(), key=len, default=b""))
    return listened


async def when_spoken(whole: Mapping[str, bytes]) -> dict[str, Spoken]:
    """When each word of the replies ends, as an ASR tells from as much of them as was received."""
    loaded = load_settings()
    weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(FasterWhisperOptions(), Resources(weights, scheduler)) as asr,
    ):
        told: dict[str, Spoken] = {}
        for language, pcm in whole.items():
            samples = resample(from_pcm16(pcm), RATE, HEARING_RATE)
            transcript = await asr.transcribe(samples, ASROptions(language=language, word_times=True))
            told[language] = spoken(STORIES[language], transcript, language)
        return told


def errors(outcomes: Sequence[Outcome], told: Mapping[str, Spoken], language: str) -> list[int]:
    """How many words or characters the heard text of each stopped reply was off, whichever way."""
    return [
        abs(told[language].error(one.heard, one.cut.played_ms))
        for one in outcomes
        if one.cut and (one.sound.language or "zh") == language
    ]


def figures(outcomes: Sequence[Outcome], told: Mapping[str, Spoken]) -> dict[str, float]:
    """A row of the table."""
    right = [one for one in outcomes if one.right and one.sound.stops]
    others = [one for one in outcomes if not one.sound.stops]
    row: dict[str, float] = {"interruptions": sum(one.sound.stops for one in outcomes)}
    row["missed"] = row["interruptions"] - len(right)
    if others:
        row |= {"other sounds": len(others), "false stops": sum(not one.right for one in others)}
    if paused := [one.paused_ms for one in right if one.paused_ms is not None]:
        row |= {"paused, p50, ms": percentile(paused, 0.5), "paused, p95, ms": percentile(paused, 0.95)}
    last_ms = [one.last_audio_ms or 0.0 for one in right]
    stopped_ms = [one.stopped_ms or 0.0 for one in right]
    row |= {"last audio, p50, ms": percentile(last_ms, 0.5), "last audio, p95, ms": percentile(last_ms, 0.95)}
    row |= {"told to stop, p50, ms": percentile(stopped_ms, 0.5), "told to stop, p95, ms": percentile(stopped_ms, 0.95)}
    for language, unit in (("zh", "characters"), ("en", "words")):
        if off := errors(outcomes, told, language):
            row[f"heard, {language}, off by, p95, {unit}"] = percentile(off, 0.95)
    return row


async def both(url: str, every: int) -> dict[str, Listened]:
    """All sounds to the client that pauses, and the interruptions to the plain one."""
    samples = await prepare(wanted := spread(listed(), every), recordings())
    sounds = {sound: samples[sound.name] for sound in wanted}
    interruptions = {sound: one for sound, one in sounds.items() if sound.stops}
    return {
        "a client that pauses": await listen(url, sounds, pauses=True),
        "a plain client": await listen(url, interruptions, pauses=False),
    }


def measure(wanted: Namespace) -> Report:
    tables: list[Table] = []
    outcomes: list[Outcome] = []
    with serving(chosen("llm") | {"MYNA_FIXED_LLM__REPEATS": "true"}) as server:
        for _ in range(wanted.runs):
            listened = anyio.run(both, server.realtime, wanted.every)
            told = anyio.run(when_spoken, next(iter(listened.values())).whole)
            tables.append({client: figures(one.outcomes, told) for client, one in listened.items()})
            outcomes += [outcome for one in listened.values() for outcome in one.outcomes]
    table = medians(tables)
    pausing, plain = table.values()
    targets = [
        Target("a client that pauses: paused, p95, ms", pausing["paused, p95, ms"], "at most", 200),
        Target("a plain client: last audio, p95, ms", plain["last audio, p95, ms"], "at most", 350),
        Target("false stops", pausing["false stops"], "at most", 0),
    ]
    for client, row in table.items():
        targets.append(Target(f"{client}: missed, %", 100 * row["missed"] / row["interruptions"], "at most", 5))
        for language, most, unit in (("zh", 2, "characters"), ("en", 1, "words")):
            column = f"heard, {language}, off by, p95, {unit}"
            if column in row:
                targets.append(Target(f"{client}: {column}", row[column], "at most", most))
    return Report(
        "Speaking over Myna",
        table,
        packages=("onnxruntime", "faster-whisper", "websockets"),
        targets=tuple(targets),
        notes=tuple(dict.fromkeys(outcome.told() for outcome in outcomes if not outcome.right)),
        details={"outcomes": [asdict(outcome) for outcome in outcomes]},
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--every", type=positive, default=1, help="of each kind of sound, for a quick look")


def main(arguments: Sequence[str] | None = None) -> None:
    run("barge_in", measure, arguments, runs=1, add_options=add_options)


if __name__ == "__main__":
    main()
