"""What speaks two languages: a voice that learned one of them, blended with one that learned the other.

Kokoro's Chinese voices slur English words, its English ones Chinese characters. Half of each in one style is understood
in both, and sounds like one person with a touch of another. (Errors of Whisper base over 15 Chinese sentences with
English words: 21 % with zf_xiaobei, 33 % with af_heart, 11 % with both. Mixing in rhythm and melody only, the second
half of a style vector, does not help: 27 %.)
"""

from collections.abc import Collection, Mapping

_SYMBOLS: Mapping[str, frozenset[str]] = {"zh": frozenset("→↗↘↓"), "en": frozenset("ˈˌ")}
"""What only the phonemes of one language have: tones, and stress."""

_LANGUAGES: Mapping[str, str] = {"a": "en", "b": "en", "z": "zh"}
"""By the first letter of a voice's name; the second tells f and m apart."""

_PARTNERS: Mapping[str, Mapping[str, str]] = {
    "zh": {"f": "zf_xiaobei", "m": "zm_yunxi"},
    "en": {"f": "af_heart", "m": "am_michael"},
}


def with_partner(voices: Mapping[str, float], phonemes: str, known: Collection[str]) -> Mapping[str, float]:
    """The voices to speak ``phonemes`` with, weights with a sum of 1: ``voices``, or half of them and half a partner.

    Args:
        voices: What was asked for, weights with a sum of 1.
        phonemes: What `myna.engines.tts.pronunciation` made of a text.
        known: The voices there are.
    """
    speaks = {_LANGUAGES.get(name[:1]) for name in voices}
    lacks = [language for language, symbols in _SYMBOLS.items() if language not in speaks and symbols & set(phonemes)]
    heaviest = max(voices, key=lambda name: voices[name])
    if len(lacks) != 1 or None in speaks:
        return voices
    partner = _PARTNERS[lacks[0]].get(heaviest[1:2], "")
    if partner not in known:
        return voices
    return {name: weight / 2 for name, weight in voices.items()} | {partner: 0.5}
