from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr

from myna.core.emotion import TWINS
from myna.core.errors import BadInput, UnknownName, WeightsMissing
from myna.engines.asr.faster_whisper import FasterWhisperOptions
from myna.engines.asr.faster_whisper import plugin as whisper
from myna.engines.base import ASR, ASROptions, Resources, Samples, VoiceStyle
from myna.engines.scheduler import open_scheduler
from myna.engines.tts.kokoro import KokoroOptions, KokoroTTS, plugin
from myna.engines.tts.waveform import LOUDNESS_LUFS, loudness_lufs
from myna.personas.load import Personas
from myna.testing.conformance.tts import TTSConformance, length, speak
from myna.weights.locate import Weights

pytestmark = [pytest.mark.anyio, pytest.mark.models]

RATE = 24_000
CALM = VoiceStyle("zf_xiaobei")
PARK = "今天天气很好，我们一起去公园散步吧。"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def resources(anyio_backend: str, weights: Weights) -> AsyncGenerator[Resources]:
    async with open_scheduler({"cpu": 2}) as scheduler:
        yield Resources(weights, scheduler)


@pytest.fixture(scope="module")
async def tts(resources: Resources) -> AsyncGenerator[KokoroTTS]:
    async with plugin.open(KokoroOptions(), resources) as tts:
        yield tts


@pytest.fixture(scope="module")
async def asr(resources: Resources) -> AsyncGenerator[ASR]:
    async with whisper.open(FasterWhisperOptions(), resources) as asr:
        yield asr


@pytest.fixture(scope="module")
async def calm(tts: KokoroTTS) -> Samples:
    """`PARK`, as it is spoken without any emotion."""
    return np.concatenate(await speak(tts, PARK, CALM))


class TestKokoro(TTSConformance):
    @pytest.fixture(params=["zf_xiaobei", "af_heart"])
    def style(self, request: pytest.FixtureRequest) -> VoiceStyle:
        return VoiceStyle(request.param)


async def heard(tts: KokoroTTS, asr: ASR, text: str, style: VoiceStyle, language: str) -> str:
    audio = np.concatenate(await speak(tts, text, style))
    return (await asr.transcribe(soxr.resample(audio, RATE, 16_000), ASROptions(language=language))).text


@pytest.mark.parametrize(
    ("voice", "text", "words"),
    [
        ("zf_xiaobei", PARK, ["天气很好", "公园散步"]),
        ("zm_yunxi", "这本书一共有三百二十页。", ["这本书", "页"]),
        ("zm_yunjian", "他在北京大学学习了四年。", ["北京大学", "学习"]),
        ("zf_xiaoyi", "我用 Python 写程序。", ["程序"]),
        ("zf_xiaobei", "点击右上角的 Settings，然后选择 Language。", ["settings", "选择", "language"]),
        ("zf_xiaobei", "请把这个文件上传到 GitHub 上。", ["文件上传", "github"]),
        ("zf_xiaobei", "我的手机号是13812345678，有事给我打电话。", ["手机号", "打电话"]),
    ],
)
async def test_chinese_is_understood(tts: KokoroTTS, asr: ASR, voice: str, text: str, words: list[str]) -> None:
    transcript = await heard(tts, asr, text, VoiceStyle(voice), "zh")
    assert [word for word in words if word.lower() not in transcript.lower()] == [], transcript


@pytest.mark.parametrize(
    ("voice", "text", "words"),
    [
        ("af_heart", "The weather is lovely today, so let us walk in the park.", ["weather", "lovely", "park"]),
        ("bm_george", "She bought three books about the history of science.", ["three books", "history of science"]),
        ("am_michael", "The train leaves at 9:30 and costs $25.", ["train leaves", "25"]),
        ("zm_yunxi", "Good morning, my name is Harry.", ["morning", "name is"]),
    ],
)
async def test_english_is_understood(tts: KokoroTTS, asr: ASR, voice: str, text: str, words: list[str]) -> None:
    transcript = await heard(tts, asr, text, VoiceStyle(voice), "en")
    assert [word for word in words if word.lower() not in transcript.lower()] == [], transcript


def pitch_hz(samples: Samples) -> float:
    """The median fundamental frequency of the voiced frames, by autocorrelation (Rabiner, 1977)."""
    frame, shortest, longest = 1200, RATE // 400, RATE // 60
    found: list[float] = []
    for start in range(0, len(samples) - frame, frame // 2):
        piece = samples[start : start + frame] - samples[start : start + frame].mean()
        correlation = np.correlate(piece, piece, "full")[frame - 1 :]
        lag = shortest + int(np.argmax(correlation[shortest:longest]))
        if correlation[lag] > 0.5 * correlation[0] > 0.01:
            found.append(RATE / lag)
    return float(np.median(found))


@pytest.mark.parametrize("semitones", [1.0, -1.0, 3.0])
async def test_pitch_changes_the_pitch_and_not_the_rate(tts: KokoroTTS, calm: Samples, semitones: float) -> None:
    other = np.concatenate(await speak(tts, PARK, replace(CALM, pitch=semitones)))
    assert 12 * np.log2(pitch_hz(other) / pitch_hz(calm)) == pytest.approx(semitones, abs=0.4)
    assert len(other) / len(calm) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("speed", [0.92, 1.08, 1.25])
async def test_speed_changes_the_rate_and_not_the_pitch(tts: KokoroTTS, calm: Samples, speed: float) -> None:
    other = np.concatenate(await speak(tts, PARK, replace(CALM, speed=speed)))
    assert len(calm) / len(other) == pytest.approx(speed, rel=0.02)
    assert 12 * np.log2(pitch_hz(other) / pitch_hz(calm)) == pytest.approx(0, abs=0.4)


async def test_a_blend_is_neither_of_its_voices(tts: KokoroTTS) -> None:
    woman, man, both = [
        pitch_hz(np.concatenate(await speak(tts, PARK, VoiceStyle(voice))))
        for voice in ("zf_xiaobei", "zm_yunxi", {"zf_xiaobei": 1, "zm_yunxi": 1})
    ]
    assert man < both < woman


@pytest.mark.parametrize("voice", ["zf_xiaobei", "zm_yunyang", "af_aoede", "af_nova"])  # the softest and the loudest
async def test_speech_begins_soon_ends_softly_and_is_as_loud_as_the_rest(tts: KokoroTTS, voice: str) -> None:
    samples = np.concatenate(await speak(tts, "Hello, 你好。", VoiceStyle(voice)))
    window = RATE // 100
    levels = np.sqrt(np.mean(np.square(samples[: len(samples) // window * window].reshape(-1, window)), axis=1))
    sounding = np.flatnonzero(levels > 0.01 * levels.max())  # -40 dB
    assert sounding[0] * 10 <= 60
    assert max(abs(samples[0]), abs(samples[-1])) < 1e-3
    speech = samples[sounding[0] * window : (sounding[-1] + 1) * window]
    assert loudness_lufs(speech, RATE) == pytest.approx(LOUDNESS_LUFS, abs=1.5)


async def test_each_emotion_sounds_other_than_calm(tts: KokoroTTS) -> None:
    persona = Personas().find("assistant-zh")
    spoken = {name: np.concatenate(await speak(tts, PARK, persona.style_for(name))) for name in TWINS}
    calm = spoken.pop("平静")
    for name, samples in spoken.items():
        rate = len(calm) / len(samples)
        semitones = 12 * np.log2(pitch_hz(samples) / pitch_hz(calm))
        assert max(rate, 1 / rate) >= 1.08 or abs(semitones) >= 1, name


@pytest.mark.parametrize("style", [replace(CALM, speed=0.1), replace(CALM, speed=3), replace(CALM, pitch=13)])
async def test_a_style_out_of_range_is_told(tts: KokoroTTS, style: VoiceStyle) -> None:
    with pytest.raises(BadInput, match="cannot be spoken"):
        await length(tts, PARK, style)


async def test_a_blend_of_nothing_is_told(tts: KokoroTTS) -> None:
    with pytest.raises(BadInput, match="weight of 0"):
        await length(tts, PARK, VoiceStyle({"zf_xiaobei": 0}))


@pytest.mark.parametrize("text", ["好。" * 50_000, "\x00\ud800 你好 hello 🎉 ١٢ \U000e0001"], ids=["long", "odd"])
async def test_a_text_of_any_length_and_script_is_spoken_from_its_beginning(tts: KokoroTTS, text: str) -> None:
    async with aclosing(tts.synthesize(text, CALM)) as stream:
        assert len((await anext(stream)).samples) > RATE / 10


@pytest.mark.parametrize("text", ["\ud800" * 3000, "{}|~<>_" * 20_000], ids=["surrogates", "symbols"])
async def test_what_is_no_text_gives_no_audio(tts: KokoroTTS, text: str) -> None:
    assert await length(tts, text, CALM) == 0


async def test_an_unknown_voice_is_told_with_those_there_are(tts: KokoroTTS) -> None:
    with pytest.raises(UnknownName) as error:
        await length(tts, PARK, VoiceStyle({"zf_xiaobei": 1, "zf_nobody": 1}))
    assert "zf_nobody" in error.value.message
    assert "zf_xiaobei" in error.value.hint


async def test_the_voices_are_listed_with_language_and_gender(tts: KokoroTTS) -> None:
    voices = {voice.name: voice for voice in tts.info.voices}
    assert (voices["zf_xiaobei"].languages, voices["zf_xiaobei"].gender) == (("zh",), "female")
    assert (voices["bm_george"].languages, voices["bm_george"].gender) == (("en",), "male")


async def test_a_folder_without_a_model_is_told(resources: Resources, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"no \.onnx file"):
        async with plugin.open(KokoroOptions(model=str(tmp_path)), resources):
            pass
