"""Whisper on CTranslate2, one window at a time. Everything here blocks.

It is made of faster-whisper's parts (features, tokenizer, model) and not of its ``transcribe``, which always computes
30 seconds. A window is padded to no more than it needs, with silent *samples*, as Whisper was trained. faster-whisper
pads the *features* with zeros, which are no silence to the model: in short windows it then doubles words.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from myna.core.audio import HEARING_RATE
from myna.core.errors import BadConfig, EngineUnavailable, WeightsDamaged
from myna.engines.base import Samples, TranscriptSegment, Word
from myna.engines.onnx import load_onnxruntime

FULL_WINDOW_S = 30.0
VAD_FRAME = 512
"""Samples of a frame of `WhisperDecoder.speech_probabilities`."""

_TEXT_TOKENS = 224  # half of what a Whisper decoder holds
_HINT_TOKENS = 100
_LATE_S = 2.0
_TIMESTAMP_S = 0.02
_FRAMES_PER_S = 100
_HOP = HEARING_RATE // _FRAMES_PER_S
_SOME_SILENCE = 5 * _HOP  # a frame is computed from less
_PARTS = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to decode a window.

    Attributes:
        languages: The languages to choose from; empty for all that the model knows.
        window_s: The window that is computed, at least; longer audio makes it longer.
        beam_size: How many hypotheses are followed; 1 is greedy.
        hint: Text that came before, or names to expect.
        word_times: Align words.
    """

    languages: tuple[str, ...]
    window_s: float
    beam_size: int
    hint: str = ""
    word_times: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out.

    Attributes:
        text: As it is to be joined with what comes before: with a space at its start where the language has spaces.
        segments: Its parts, in seconds from the start of the window.
        no_speech: Whisper's probability that nobody speaks.
        logprob: The mean log-probability of the tokens.
        sound: Whether it ended by itself, and by the end of the audio.
    """

    language: str
    text: str
    segments: tuple[TranscriptSegment, ...]
    no_speech: float
    logprob: float
    sound: bool


class _Tokenizer(Protocol):
    sot_sequence: list[int]
    sot_prev: int
    eot: int
    timestamp_begin: int

    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: Sequence[int]) -> str: ...


class _Generated(Protocol):
    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float


class _CTranslate2(Protocol):
    is_multilingual: bool

    def detect_language(self, features: object) -> list[list[tuple[str, float]]]: ...
    def generate(self, features: object, prompts: list[list[int]], **options: object) -> list[_Generated]: ...


class _WhisperModel(Protocol):
    model: _CTranslate2
    hf_tokenizer: object
    supported_languages: list[str]

    def feature_extractor(self, waveform: Samples, padding: int) -> NDArray[np.float32]: ...
    def encode(self, features: NDArray[np.float32]) -> object: ...
    def find_alignment(
        self, tokenizer: _Tokenizer, text_tokens: list[list[int]], encoder_output: object, num_frames: int
    ) -> list[list[dict[str, Any]]]: ...


@dataclass(frozen=True, slots=True)
class _Span:
    tokens: tuple[int, ...]
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()


class WhisperDecoder:
    """A loaded model. Its methods may be called from several threads. Made by `load_decoder`."""

    def __init__(
        self,
        model: _WhisperModel,
        vad: Callable[[Samples], NDArray[np.float32]],
        simplifier: Callable[[str], Callable[[str], str]],
        tokenizers: Mapping[str, _Tokenizer],
    ) -> None:
        self._model = model
        self._vad = vad
        self._simplifier = simplifier
        self._tokenizers = tokenizers

    @property
    def languages(self) -> frozenset[str]:
        """What the model hears, as ISO 639-1 codes."""
        return frozenset(self._tokenizers)

    def speech_probabilities(self, samples: Samples) -> NDArray[np.float32]:
        """The probability of speech of each `VAD_FRAME`, the last one filled up with silence."""
        frames = -(-len(samples) // VAD_FRAME)
        # A frame more, in a copy: faster-whisper overwrites the end of what it is given.
        filled = np.pad(samples, (0, (frames + 1) * VAD_FRAME - len(samples)))
        return self._vad(filled).reshape(-1)[:frames]

    def decode(self, samples: Samples, decoding: Decoding) -> Decoded:
        """Decode a window of at most `FULL_WINDOW_S`."""
        audio_s = len(samples) / HEARING_RATE
        window = round(min(FULL_WINDOW_S, max(decoding.window_s, audio_s + 1)) * 10) * HEARING_RATE // 10
        encoded = self._model.encode(self._features(samples, window))
        language = self._detect(encoded, decoding.languages)
        tokenizer = self._tokenizers[language]
        prompt = list(tokenizer.sot_sequence)
        if decoding.hint:
            prompt = [tokenizer.sot_prev, *tokenizer.encode(f" {decoding.hint}")[-_HINT_TOKENS:], *prompt]
        longest = min(_TEXT_TOKENS, 20 + int(12 * audio_s))  # nobody speaks faster: a loop is cut off there
        generated = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=decoding.beam_size,
            max_length=max(2 * longest, longest + len(prompt)),  # CTranslate2 gives the text half of it
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = generated.sequences_ids[0]
        last_s = max(((token - tokenizer.timestamp_begin) * _TIMESTAMP_S for token in tokens), default=0)
        spans = _spans(tokens, tokenizer, audio_s)
        text = [token for span in spans for token in span.tokens]
        written = self._writer(text, language)
        if decoding.word_times and spans:
            aligned = self._model.find_alignment(tokenizer, [text], encoded, round(audio_s * _FRAMES_PER_S))[0]
            spans = _with_words(spans, aligned, written)
        return Decoded(
            language=language,
            text=written(text),
            segments=tuple(
                TranscriptSegment(part, span.start_s, span.end_s, span.words)
                for span in spans
                if (part := written(span.tokens).strip())
            ),
            no_speech=generated.no_speech_prob,
            # As faster-whisper reckons it: the score is a mean that leaves the end token out.
            logprob=generated.scores[0] * len(tokens) / (len(tokens) + 1),
            sound=len(tokens) < longest and last_s <= audio_s + _LATE_S,
        )

    def _features(self, samples: Samples, window: int) -> NDArray[np.float32]:
        """The features of samples, and of silence up to ``window`` samples: all its frames are alike, the lowest."""
        computed = min(window, -(-(len(samples) + _SOME_SILENCE) // _HOP) * _HOP)
        features = self._model.feature_extractor(np.pad(samples, (0, computed - len(samples))), padding=0)
        return np.pad(features, ((0, 0), (0, window // _HOP - features.shape[1])), constant_values=features.min())

    def _detect(self, encoded: object, languages: tuple[str, ...]) -> str:
        candidates = languages or tuple(self._tokenizers)
        if len(candidates) == 1:
            return candidates[0]
        likely = (token[2:-2] for token, _ in self._model.model.detect_language(encoded)[0])  # <|zh|>, likeliest first
        return next(language for language in likely if language in candidates)

    def _writer(self, text: Sequence[int], language: str) -> Callable[[Sequence[int]], str]:
        """What turns parts of a text from tokens into characters."""
        decode = self._tokenizers[language].decode
        simplify = self._simplifier(decode(text)) if language == "zh" else str
        return lambda tokens: simplify(decode(tokens).replace("\ufffd", ""))  # of a character that was cut in two


def _with_words(
    spans: Sequence[_Span], aligned: Sequence[Mapping[str, Any]], written: Callable[[Sequence[int]], str]
) -> list[_Span]:
    """The spans with their words."""
    with_words: list[_Span] = []
    left = iter(aligned)
    taken = needed = 0
    for span in spans:
        needed += len(span.tokens)
        words: list[Word] = []
        while taken < needed and (word := next(left, None)):
            taken += len(word["tokens"])
            text = written(word["tokens"]).strip()
            if words and not any(map(str.isalnum, text)):  # punctuation, which is aligned by itself
                words[-1] = replace(words[-1], text=words[-1].text + text)
            else:
                words.append(Word(text, float(word["start"]), float(word["end"])))
        with_words.append(replace(span, words=tuple(words)))
    return with_words


def _spans(tokens: Sequence[int], tokenizer: _Tokenizer, audio_s: float) -> list[_Span]:
    """Cut at the timestamps. Text before the first begins at 0, text after the last ends with the audio."""
    spans: list[_Span] = []
    start_s = 0.0
    text: list[int] = []
    for token in (*tokens, tokenizer.timestamp_begin + round(audio_s / _TIMESTAMP_S)):
        if token >= tokenizer.timestamp_begin:
            time_s = min((token - tokenizer.timestamp_begin) * _TIMESTAMP_S, audio_s)
            if text:
                spans.append(_Span(tuple(text), start_s, time_s))
                text = []
            start_s = time_s
        elif token < tokenizer.eot:
            text.append(token)
    return spans


@dataclass(frozen=True, slots=True)
class Loading:
    """How to load a model: its folder, and CTranslate2's device, compute type, threads a call and calls at a time."""

    folder: Path
    device: str
    compute_type: str
    threads: int
    workers: int


def has_cuda() -> bool:
    """Whether CTranslate2 finds a GPU. Blocks."""
    import ctranslate2  # noqa: PLC0415 - heavy

    count = cast(Callable[[], int], ctranslate2.get_cuda_device_count)  # pyright: ignore[reportUnknownMemberType] - untyped
    return count() > 0


def load_decoder(loading: Loading) -> WhisperDecoder:
    """Load a model and run it once, so that the first utterance is no slower than the next. Blocks.

    Raises:
        BadConfig: The folder holds no Whisper model for CTranslate2, or the device lacks the compute type.
        WeightsDamaged: The files cannot be read.
        EngineUnavailable: The device fails.
    """
    model = _load(loading)
    from faster_whisper.tokenizer import Tokenizer  # noqa: PLC0415
    from faster_whisper.vad import get_vad_model  # noqa: PLC0415

    tokenizers = {
        language: Tokenizer(cast(Any, model.hf_tokenizer), model.model.is_multilingual, "transcribe", language)
        for language in model.supported_languages
    }
    # The VAD that comes inside faster-whisper: it judges whole audio in one go, at a third of the cost of a stream's.
    vad = cast(Callable[[Samples], NDArray[np.float32]], get_vad_model())
    decoder = WhisperDecoder(model, vad, _load_simplifier(), cast(Mapping[str, _Tokenizer], tokenizers))
    silence = np.zeros(HEARING_RATE, np.float32)
    decoder.speech_probabilities(silence)
    decoder.decode(silence, Decoding(languages=(), window_s=1, beam_size=1))
    return decoder


def _load_simplifier() -> Callable[[str], Callable[[str], str]]:
    """What makes of a text a function that simplifies parts of it."""
    import opencc  # noqa: PLC0415 - heavy

    def converter(config: str) -> Callable[[str], str]:
        return cast(Callable[[str], str], opencc.OpenCC(config).convert)  # pyright: ignore[reportUnknownMemberType]

    # t2s leaves 隨著 and 看著 half simplified; tw2s makes 着 of it, but of what is simplified 显著 as well.
    plain, thorough = converter("t2s"), converter("tw2s")
    return lambda text: thorough if plain(text) != text else str


def _load(loading: Loading) -> _WhisperModel:
    folder = loading.folder
    for part in _PARTS:  # else faster-whisper asks a hub for the missing ones
        if not (folder / part).is_file():
            raise BadConfig(
                f"{folder} is no Whisper model for CTranslate2: there is no {part}.",
                hint="`ct2-transformers-converter --copy_files tokenizer.json` makes one.",
            )
    load_onnxruntime()
    from faster_whisper import WhisperModel  # noqa: PLC0415 - heavy, and only after onnxruntime

    try:
        json.loads((folder / "tokenizer.json").read_bytes())  # the tokenizer raises a bare Exception
    except ValueError as error:
        raise _damaged(folder, error) from error
    try:
        model = WhisperModel(
            str(folder),
            device=loading.device,
            compute_type=loading.compute_type,
            cpu_threads=loading.threads,
            num_workers=loading.workers,
        )
    except ValueError as error:
        raise BadConfig(
            f"faster_whisper.compute_type is {loading.compute_type}: {error}", hint="`auto` fits every device."
        ) from error
    except RuntimeError as error:
        if loading.device == "cpu":
            raise _damaged(folder, error) from error
        raise EngineUnavailable(
            f"The Whisper model {folder} does not load on {loading.device}: {error}.",
            hint="Set faster_whisper.device to cpu.",
        ) from error
    return cast(_WhisperModel, model)


def _damaged(folder: Path, error: Exception) -> WeightsDamaged:
    return WeightsDamaged(
        f"The Whisper model {folder} cannot be loaded: {error}.",
        hint="`myna models verify` says what is wrong with it.",
    )
