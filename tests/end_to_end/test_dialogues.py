"""Whole dialogues over the socket, with the real models and in real time; what the bot said is what was played."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import anyio.to_thread
import numpy as np
import pytest
from tests.end_to_end.processes import Server
from tests.end_to_end.voices import heard, spoken
from tests.engines.noises import coughs
from tests.engines.recordings import needs_recordings, recording

from myna.engines.base import Samples
from myna.testing.lines import RealtimeLine, open_realtime_line
from myna.testing.microphone import Absent, Expect, Note, Say, Silence, converse
from myna.wire.audio_formats import AudioFormat

pytestmark = [pytest.mark.anyio, pytest.mark.models]

FEMALE_ZH = "zf_xiaobei"
COUGH = Say((coughs(1.0) * 0.3).astype(np.float32))


class Room:
    """Somebody who talks with a server, in one language."""

    def __init__(self, server: Server, language: str) -> None:
        self._server = server
        self._language = language

    async def says(self, text: str) -> Say:
        voice = FEMALE_ZH if self._language == "zh" else "af_heart"
        return Say(await anyio.to_thread.run_sync(spoken, self._server.url, text, voice))

    async def hears(self, samples: Samples) -> str:
        return await heard(self._server.url, samples, self._language)

    def line(
        self,
        instructions: str | None = None,
        *,
        persona: str | None = None,
        conversation: str = "",
        audio: AudioFormat = "audio/pcm",
        pauses: bool = False,
    ) -> AbstractAsyncContextManager[RealtimeLine]:
        persona = persona or ("assistant-zh" if self._language == "zh" else "assistant")
        query = f"model=myna/{persona}" + (f"&conversation={conversation}" if conversation else "")
        return open_realtime_line(
            f"{self._server.url.replace('http', 'ws')}/v1/realtime?{query}",
            session={"instructions": instructions} if instructions else None,
            audio=audio,
            language=self._language,
            pauses=pauses,
        )


def replies(notes: Sequence[Note]) -> list[str]:
    return [note.text for note in notes if note.kind == "said"]


@pytest.mark.parametrize(
    ("language", "tale", "stop", "question", "answer"),
    [
        ("zh", "请给我讲一个很长的故事。", "等等，别说了。", "中国的首都是哪里？", "北京"),
        ("en", "Tell me a very long story.", "Wait, stop.", "What is the capital of France?", "Paris"),
    ],
)
async def test_a_word_stops_the_reply_and_the_next_question_is_answered(
    steady: Server, language: str, tale: str, stop: str, question: str, answer: str
) -> None:
    room = Room(steady, language)
    async with room.line("Your stories are long. 故事要讲得很长。") as line:
        script = [
            await room.says(tale),
            Expect("begins"),
            Silence(1.0),
            await room.says(stop),
            Expect("interrupted"),
            Expect("heard"),  # on busy cores it comes late, and would be taken for the question's
            Absent("begins", for_s=2.0),
            await room.says(question),
            Expect("heard", question),
            Expect("said"),
            Absent("failed"),
        ]
        notes = await converse(line, script, ear=room.hears)
    assert answer in replies(notes)[-1]


@pytest.mark.parametrize(
    ("language", "topic", "murmur", "pauses"),
    [("zh", "请介绍一下北京。", "嗯。", True), ("en", "Tell me about Paris.", "Uh-huh.", False)],
)
async def test_a_cough_and_a_murmur_do_not_stop_the_reply(
    steady: Server, language: str, topic: str, murmur: str, pauses: bool
) -> None:
    room = Room(steady, language)
    async with room.line(pauses=pauses) as line:
        script = [
            await room.says(topic),
            Expect("begins"),
            Silence(0.5),
            COUGH,
            Silence(1.0),
            await room.says(murmur),
            Expect("said"),
            Absent("interrupted"),
            Absent("failed"),
        ]
        notes = await converse(line, script, ear=room.hears)
    kinds = [note.kind for note in notes]
    assert (kinds.count("begins"), "interrupted" in kinds) == (1, False)


async def test_who_goes_on_while_it_thinks_is_answered_once(steady: Server) -> None:
    room = Room(steady, "en")
    async with room.line() as line:
        script = [
            await room.says("I would like to know"),
            Silence(0.9),
            await room.says("what the capital of France is."),
            Expect("said"),
            Absent("failed"),
        ]
        notes = await converse(line, script, ear=room.hears)
    assert len(replies(notes)) == 1
    assert "Paris" in replies(notes)[0]


async def test_a_conversation_goes_on_after_the_line_broke(steady: Server) -> None:
    room = Room(steady, "en")
    async with room.line() as line:
        conversation = line.conversation
        await converse(line, [await room.says("Hello, my name is Robin."), Expect("heard"), Expect("said")])
    async with room.line(conversation=conversation) as line:
        assert line.conversation == conversation
        notes = await converse(line, [await room.says("What is my name?"), Expect("heard"), Expect("said")])
    assert "Robin" in replies(notes)[0]


@pytest.mark.parametrize("audio", ["audio/pcmu", "audio/pcma"])
async def test_a_telephone_talks_and_listens(steady: Server, audio: AudioFormat) -> None:
    room = Room(steady, "en")
    question = "What is the capital of France?"
    async with room.line(audio=audio) as line:
        script = [await room.says(question), Expect("heard", question), Expect("said"), Absent("failed")]
        notes = await converse(line, script, ear=room.hears)
    assert "Paris" in replies(notes)[0]


@needs_recordings
async def test_a_recorded_voice_is_heard_and_answered(steady: Server) -> None:
    room = Room(steady, "zh")
    said = recording("SSB00050112.wav")
    async with room.line(persona="wukong") as line:
        script = [Say(said.samples), Expect("heard", said.text), Expect("begins"), Expect("said", alike=0.5)]
        notes = await converse(line, script, ear=room.hears)
    assert replies(notes)[0]
