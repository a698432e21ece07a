"""English to Kokoro's phonemes, by misaki's dictionary.

Kokoro learned English from hexgrad/misaki (``misaki/en.py``, Apache-2.0), so its American dictionary gives what the
model knows best. It is data here, misaki itself is not installed.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from myna.core.errors import WeightsDamaged
from myna.engines.tts.english_amounts import spell_out
from myna.engines.tts.english_context import reading
from myna.engines.tts.english_short_forms import expand
from myna.engines.tts.letter_to_sound import open_letter_to_sound

Entry: TypeAlias = str | Mapping[str, str | None]
"""Phonemes, or phonemes by part of speech (DEFAULT, VERB, NOUN, …; None: at the end of a clause)."""

_Keys: TypeAlias = tuple[str, ...]
"""Which readings of an entry to take: the first that it has, else DEFAULT."""

_VOWELS = frozenset("AIOWYiuæɑɔəɛɜɪʊʌᵻɐ")
_PARTS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]")
_ENDINGS: Mapping[str, tuple[str, ...]] = {"'s": ("",), "s'": ("",), "s": ("",), "ed": ("", "e"), "ing": ("", "e")}
_VULGAR_FRACTION = re.compile("(?<=[0-9])[¼-¾⅐-⅞]")
_NEVER_SPELLED = frozenset(["AH", "AM", "AS", "BE", "HE", "HI", "HM", "HMM", "IN", "IS", "ME", "MM", "OH", "OR"])
"""Capitals that the dictionary takes for an abbreviation where they are a noun, and that never are one."""

_ADDED: dict[str, Entry] = {
    "lead": {"DEFAULT": "lˈid", "METAL": "lˈɛd"},
    "Sean": "ʃˈɔn",
    "Nguyen": "nwˈɪn",
    "O'Brien": "ObɹˈIən",
    "JSON": "ʤˈAsən",
    "myna": "mˈInə",
    "Qwen": "kwˈɛn",
}
"""What the dictionary lacks, or has with one reading of two."""


@dataclass(frozen=True, slots=True)
class English:
    """Reads English. Made by `open_english`; may be called from several threads at once.

    Attributes:
        entries: The dictionary.
        guess: Small letters to phonemes.
    """

    entries: Mapping[str, Entry]
    guess: Callable[[str], str]

    def phonemes(self, words: Sequence[str]) -> str:
        """The phonemes of the words of a clause (letters and apostrophes) with a space between them."""
        spoken: list[str] = []
        for i in range(len(words) - 1, -1, -1):  # from the end: "the" is spoken by the sound after it
            following = spoken[-1] if spoken else ""
            article = words[i] == "A" and i == 0 and len(words) > 1 and len(words[1]) > 1
            word = "a" if article else words[i]
            keys = (reading(words, i), "DEFAULT" if following else "None")
            if sounds := _weak_form(word, following) or self._word(_plain(word), keys):
                spoken.append(sounds.replace("ɾ", "T").replace("ʔ", "t"))  # the symbols that v1.0 learned
        return " ".join(reversed(spoken))

    def _word(self, word: str, keys: _Keys) -> str:
        """A word in the dictionary, or with an ending, or made of several, or spelled, or guessed."""
        if found := self._known(word, keys) or self._with_ending(word, keys):
            return found
        parts = cast(list[str], _PARTS.findall(word))
        if len(parts) > 1:
            return "".join(self._word(part, keys) for part in parts)
        letters = "".join(parts)
        if (letters.isupper() and len(letters) <= 5) or not set(letters.lower()) & set("aeiouy"):
            return self._spell(letters)
        return self.guess(letters.lower())

    def _known(self, word: str, keys: _Keys) -> str | None:
        small = word.lower()
        if len(word) == 1:
            return _reading(self.entries.get(word.upper()), keys)
        if not word.isupper():
            spellings = (word,) if len(word) > 2 and word[:-1].isupper() else (word, small, small.capitalize())
            return _reading(
                next((entry for spelling in spellings if (entry := self.entries.get(spelling))), None), keys
            )
        entry = self.entries.get(word)
        if isinstance(entry, Mapping) and word not in _NEVER_SPELLED:
            return self._spell(word)
        return _reading(entry or self.entries.get(small), keys)

    def _with_ending(self, word: str, keys: _Keys) -> str | None:
        """A word with -'s, or a known one with -s, -ed or -ing behind it."""
        for ending, stems in _ENDINGS.items():
            bare = word.removesuffix(ending)
            if bare == word or not bare:
                continue
            if ending == "'s" or bare.isupper():
                sounds = self._word(bare, keys)
            else:
                sounds = next((known for stem in stems if (known := self._known(bare + stem, keys))), None)
            if sounds:
                return sounds + _ending_sound(ending, sounds)
        return None

    def _spell(self, letters: str) -> str:
        """Letter by letter, the last one stressed."""
        sounds = "".join(_reading(self.entries.get(letter), ("DEFAULT",)) or "" for letter in letters.upper())
        head, stress, tail = sounds.replace("ˈ", "ˌ").rpartition("ˌ")
        return head + ("ˈ" if stress else "") + tail


def as_words(text: str) -> str:
    """Written English as it is read aloud: words for numbers, units, dates and short forms."""
    text = unicodedata.normalize("NFKC", _VULGAR_FRACTION.sub(r" \g<0>", text))
    return spell_out(expand(text.replace("⁄", "/")))


def _weak_form(word: str, following: str) -> str | None:
    """How a few small words are spoken before others."""
    before_vowel = bool(following) and following.lstrip("ˈˌ")[:1] in _VOWELS
    match word.lower():
        case "the":
            return "ði" if before_vowel else "ðə"
        case "to" if following:
            return "tʊ" if before_vowel else "tə"
        case "a" if following and word == "a":
            return "ɐ"
        case "an" | "in" as small if following:
            return "ɐn" if small == "an" else "ɪn"
        case "i":
            return "ˌI"
        case _:
            return None


def _ending_sound(ending: str, stem: str) -> str:
    """See https://en.wiktionary.org/wiki/-s and https://en.wiktionary.org/wiki/-ed, as misaki does."""
    last = stem[-1]
    if ending == "ing":
        return "ɪŋ"
    if ending == "ed":
        return "ᵻd" if last in "td" else "t" if last in "pkfθʃsʧ" else "d"
    return "ᵻz" if last in "szʃʒʧʤ" else "s" if last in "ptkfθ" else "z"


def _reading(entry: Entry | None, keys: _Keys) -> str | None:
    if isinstance(entry, Mapping):
        return next((sounds for key in (*keys, "DEFAULT") if (sounds := entry.get(key))), None)
    return entry


def _plain(word: str) -> str:
    """Without accents (Zoë, naïve) and with one kind of apostrophe."""
    return "".join(char for char in unicodedata.normalize("NFKD", word.replace("’", "'")) if char.isascii())


def open_english(folder: Path) -> English:
    """Load the dictionary, ``us_gold.json`` and ``us_silver.json``, and what guesses other words. Blocks.

    Raises:
        WeightsDamaged: One of the files is missing or not what it should be.
    """
    try:
        silver, gold = (
            cast(dict[str, Entry], json.loads((folder / name).read_bytes()))
            for name in ("us_silver.json", "us_gold.json")
        )
    except (OSError, ValueError) as error:
        raise WeightsDamaged(
            f"The English dictionary in {folder} cannot be read: {error}.",
            hint="`myna models verify` says what is wrong with it.",
        ) from error
    joined = {word.replace("-", ""): entry for word, entry in gold.items() if "-" in word}  # WiFi stands there as Wi-Fi
    return English(joined | silver | gold | _ADDED, open_letter_to_sound(folder / "checkpoint20.npz"))
