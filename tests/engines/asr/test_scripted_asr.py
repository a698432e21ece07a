import anyio
import numpy as np
import pytest

from myna.core.errors import EngineUnavailable
from myna.engines.base import ASROptions, Transcript, TranscriptSegment
from myna.testing.asr import ScriptedASR
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause

SECOND = np.zeros(16_000, np.float32)
ENGLISH = ASROptions(language="en")


@pytest.mark.anyio
async def test_transcripts_come_in_order_and_the_last_one_stays():
    asr = ScriptedASR("一", "二")
    assert [(await asr.transcribe(SECOND, ENGLISH)).text for _ in range(3)] == ["一", "二", "二"]
    assert [call.options for call in asr.calls] == [ENGLISH] * 3
    assert all(call.samples is SECOND for call in asr.calls)


@pytest.mark.anyio
async def test_a_text_becomes_one_segment_over_all_samples():
    transcript = await ScriptedASR("hello").transcribe(SECOND, ENGLISH)
    assert transcript == Transcript("hello", "en", (TranscriptSegment("hello", 0, 1),))


@pytest.mark.anyio
@pytest.mark.parametrize("asr", [ScriptedASR(), ScriptedASR("")])
async def test_nothing_is_an_empty_transcript(asr: ScriptedASR):
    assert await asr.transcribe(SECOND, ASROptions()) == Transcript("", None)


@pytest.mark.anyio
async def test_no_samples_are_an_empty_transcript():
    assert await ScriptedASR("一").transcribe(SECOND[:0], ASROptions()) == Transcript("", None)


@pytest.mark.anyio
async def test_a_whole_transcript_is_given_as_it_is():
    transcript = Transcript("你好", "zh", (TranscriptSegment("你好", 0.2, 0.7),))
    assert await ScriptedASR(transcript).transcribe(SECOND, ASROptions()) is transcript


@on_virtual_clock
async def test_it_takes_its_time():
    began = anyio.current_time()
    assert (await ScriptedASR([Pause(1), Pause(2), "一"]).transcribe(SECOND, ASROptions())).text == "一"
    assert anyio.current_time() - began == 3


@on_virtual_clock
async def test_it_hangs():
    with pytest.raises(TimeoutError), anyio.fail_after(3600):
        await ScriptedASR([HANG]).transcribe(SECOND, ASROptions())


@pytest.mark.anyio
async def test_it_fails_and_the_next_call_is_answered():
    asr = ScriptedASR(EngineUnavailable("gone"), "一")
    with pytest.raises(EngineUnavailable, match="gone"):
        await asr.transcribe(SECOND, ASROptions())
    assert (await asr.transcribe(SECOND, ASROptions())).text == "一"
