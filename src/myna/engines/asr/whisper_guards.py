"""Telling what Whisper heard from what it made up. Pure.

On silence, noise and music Whisper writes what stood under videos without speech: thanks for watching, subtitles by. No
single sign tells: not the VAD, not Whisper's own probability that nobody speaks, not how likely it finds its text, not
the text. Together they do. The limits come from Whisper base on 724 noises, sounds and pieces of music, of which one
gets through, and on 420 utterances, mostly of a single word, clean, 5 dB above pink noise, and at a fiftieth of the
level, of which hummed ones are lost. Among them are ``谢谢`` and ``thank you for watching``, really said.
"""

import re
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge a text by.

    Attributes:
        text: What Whisper wrote.
        speech_s: For how long a VAD heard speech, in seconds.
        no_speech: Whisper's probability that nobody speaks.
        logprob: The mean log-probability of the tokens.
    """

    text: str
    speech_s: float
    no_speech: float
    logprob: float


_OFTEN_MADE_UP = re.compile(
    "(谢谢|感谢)(大家|您|你们|各位)?的?(观看|收看|收听|聆听)?|请?不吝点赞.*|.*(订阅|点赞).*(转发|打赏|频道|支持).*|"
    "明镜.*点点.*|.*字幕.*|.*(作词|作曲|编曲).*|(我们)?下期再见|"
    "(manythanks|thanks?|thankyou)(verymuch|somuch)?(for(watching|listening|viewing|yourattention)(thisvideo)?)?|"
    "(please)?(likeand)?subscribe.*|.*(subtitles|captions|translation|transcription)by.*|.*amaraorg.*|"
    "(illsee|seeyou)(you)?(in|next)?(the)?(nextvideo|nexttime|next|later|soon|time|video)?|(bye)+|you|music|applause"
)
"""Texts that Whisper makes up, as `_letters` leaves them. Somebody may say them, too: then the other signs are good."""

_SIGNS = (
    (0.6, inf, -0.8),  # OpenAI's own rule, in transcribe.py, a little stricter
    (0.45, 0.3, inf),
    (0.1, 0.1, -1.0),
)
"""Nobody spoke if ``no_speech`` is above, and ``speech_s`` and ``logprob`` are below, in one of the lines."""

_MORE_SIGNS = (
    (0.2, inf, inf),
    (-inf, 0.1, inf),
    (-inf, inf, -1.3),
)
"""The same for texts that are often made up."""

_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LOOP = re.compile(r"(.{2,}?)\1{2,}|(.)\2{4,}|([^\d]{8,}?)\3")


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _shortest_s(letters: str) -> float:
    """How long the fastest speaker takes: 10 Chinese characters or 25 letters a second."""
    characters = len(_CJK.findall(letters))
    return characters / 10 + (len(letters) - characters) / 25


def is_doubtful(evidence: Evidence) -> bool:
    """Whether the audio has to be heard again in a full window: the text repeats itself or is long for its speech.

    A doubled word or phone number passes, a doubled clause does not: three of the same, or two of eight letters.
    """
    letters = _letters(evidence.text)
    return _LOOP.search(letters) is not None or _shortest_s(letters) > evidence.speech_s + 0.3


def is_impossible(evidence: Evidence) -> bool:
    """Whether nobody could have said so much in so short a time."""
    return _shortest_s(_letters(evidence.text)) > 2 * evidence.speech_s + 0.5


def is_made_up(evidence: Evidence) -> bool:
    """Whether nobody spoke, however the text reads."""
    letters = _letters(evidence.text)
    signs = (*_SIGNS, *_MORE_SIGNS) if _OFTEN_MADE_UP.fullmatch(letters) else _SIGNS
    return not letters or any(
        evidence.no_speech > no_speech and evidence.speech_s < speech_s and evidence.logprob < logprob
        for no_speech, speech_s, logprob in signs
    )
