"""Which language a card is written in, guessed from its letters."""

import re

_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÿ]+")
_MARKUP = re.compile(r"\{\{[^{}]*\}\}|<[^<>]*>")
_READ = 4000
_ENOUGH = 12
"""Characters and words that tell something."""


def guess_language(*texts: str) -> str:
    """The language of the first text that is long enough to tell: ``zh``, ``ja``, ``ko``, ``ru``, else ``en``.

    Languages of Latin letters are not told apart.
    """
    for text in (*texts, " ".join(texts)):
        counts = _counts(_MARKUP.sub(" ", text[:_READ]))
        if sum(counts.values()) >= _ENOUGH:
            return max(counts, key=counts.__getitem__)
    counts = _counts(" ".join(texts)[:_READ])
    return max(counts, key=counts.__getitem__)


def _counts(text: str) -> dict[str, int]:
    return {
        "en": len(_LATIN_WORD.findall(text)),
        "ja": 5 * len(_KANA.findall(text)),  # a Chinese text has none, and a Japanese one has kanji too
        "zh": len(_HAN.findall(text)),
        "ko": len(_HANGUL.findall(text)),
        "ru": len(_CYRILLIC.findall(text)) // 4,
    }
