"""Text to Kokoro's phonemes: Chinese, English, and both within a sentence."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.engines.tts.english import English, as_words, open_english
from myna.engines.tts.english_short_forms import expand
from myna.engines.tts.kokoro_vocabulary import PUNCTUATION, VOCABULARY
from myna.engines.tts.mandarin import HANZI, Mandarin, open_mandarin
from myna.engines.tts.numerals import Numerals, open_numerals

_MARK = ";:,.!?—…"
_LETTER = r"A-Za-z\u00c0-\u024f"
_WORD = rf"[{_LETTER}]+(?:['’][{_LETTER}]+)*"
_ITEM = re.compile(
    rf"(?P<hanzi>[{HANZI}]+)|(?P<words>{_WORD}(?:[^{HANZI}{_LETTER}{_MARK}]+{_WORD})*)|(?P<marks>[{_MARK}]+)"
)
_HANZI, _WORDS = re.compile(f"[{HANZI}]"), re.compile(_WORD)
_OWN_WORDS = re.compile(rf"(?<![{_LETTER}\d°]){_WORD}")  # no units: 100m
_PLACES_TO_CUT = tuple(map(re.compile, ("[.!?…] ", "[,;:—] ", " ", ".")))

_MARKS = str.maketrans(
    {"，": ",", "、": ",", "。": ".", "！": "!", "？": "?", "：": ":", "；": ";", "～": "—", "–": "—", "…": "…"}
    | dict.fromkeys("（）()", ",")
)
_NUMBER_FORMS = str.maketrans(  # before NFKC, which makes 3m2 of 3㎡ and 31/2 of 3½
    {"²": "^2", "³": "^3", "㎡": "m^2", "㎢": "km^2", "㎠": "cm^2", "㎥": "m^3", "㎤": "cm^3"}
    | {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3"}
)
_SIGNS: Mapping[str, dict[int, str]] = {
    "zh": str.maketrans({"&": "和", "+": "加", "=": "等于", "@": "艾特"}),
    "en": str.maketrans(
        {"&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "%": " percent ", "°": " degrees ", "#": " number "}
    ),
}
_SCHEME = re.compile(r"\b[a-z]{3,5}://(?:www\.)?", re.IGNORECASE)
_BETWEEN_SCRIPTS = re.compile(rf"(?<=[{HANZI}])(?=[{_LETTER}])|(?<=[{_LETTER}])(?=[{HANZI}])")
_BETWEEN_HANZI = re.compile(rf"(?<=[{HANZI}])[/|-](?=[{HANZI}])")
_BETWEEN_NUMBERS = re.compile(r"(?<=\d)[、，](?=\d)")  # never the comma of thousands
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}")  # U.S.A.
_ABBREVIATION = re.compile("[A-Z]{2,5}")
_BARE_STOP = re.compile("(?<!s)([ptk])(?![bdfhmnpstkvzðŋɡʃʒʤθ])")
_DOT = re.compile(r"(?<=[a-z0-9])\.(?=[a-z])")  # example.com


def main_language(text: str, otherwise: str = "en") -> str:
    """The language that most of ``text`` is in, ``zh`` or ``en``: a Chinese character counts as a word does.

    What has neither (``10:30``) is in ``otherwise``. A unit behind its number is no word.
    """
    hanzi, words = len(_HANZI.findall(text)), len(_OWN_WORDS.findall(text))
    if not hanzi and not words:
        return otherwise
    return "zh" if hanzi >= words else "en"


def cut(phonemes: str, longest: int) -> list[str]:
    """Phonemes in pieces of at most ``longest``: between sentences if that goes, else clauses, else words.

    Nothing that sounds is lost, and no piece is without a sound.
    """
    pieces: list[str] = []
    while len(phonemes) > longest:
        ends = ([found.end() for found in place.finditer(phonemes, 0, longest)] for place in _PLACES_TO_CUT)
        end = next(found[-1] for found in ends if found and found[-1] > longest // 4)
        pieces.append(phonemes[:end])
        phonemes = phonemes[end:]
    return [piece.strip() for piece in (*pieces, phonemes) if not PUNCTUATION.issuperset(piece)]


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """Made by `open_pronunciation`; may be called from several threads at once."""

    mandarin: Mandarin
    english: English
    numerals: Numerals

    def phonemes(self, text: str, language: str | None = None, *, chinese_voice: bool = False) -> str:
        """``text`` in symbols of `VOCABULARY`; other scripts and signs are left out. Empty if nothing can be spoken.

        Args:
            text: Any text.
            language: What its numbers are spoken in (ISO 639-1); None tells by its words, else by the voice.
            chinese_voice: Whether the voice learned from Chinese only. It speaks a bare p, t or k as in pinyin's b, d
                and g, so those of English words get the breath that it knows. (Errors of Whisper base over 20 mixed
                sentences: with two of three voices 4 % fewer, with the third as many.)
        """
        language = language or main_language(text, "zh" if chinese_voice else "en")
        language = "zh" if language.startswith("zh") else "en"
        text = _BETWEEN_SCRIPTS.sub(" ", text)
        text = as_words(text) if language == "en" else self._chinese_as_words(text)
        text = unicodedata.normalize("NFKC", text.translate(_MARKS)).replace("...", "…")
        text = _DOTTED.sub(lambda letters: letters[0].replace(".", "").upper(), text)
        text = _DOT.sub("点" if language == "zh" else " dot ", text).translate(_SIGNS[language])
        spoken = ""
        for item in _ITEM.finditer(text):
            if item["marks"]:
                if spoken and spoken[-1] not in _MARK:
                    spoken += item["marks"][0]
            elif item["hanzi"]:
                spoken += " " + self.mandarin.phonemes(item["hanzi"])
            else:
                words = _WORDS.findall(item["words"])
                sounds = self.english.phonemes(words) if language == "en" else self._english_in_chinese(words)
                spoken += " " + (_aspirated(sounds) if chinese_voice else sounds)
        return "".join(symbol for symbol in spoken.strip() if symbol in VOCABULARY)

    def _english_in_chinese(self, words: Sequence[str]) -> str:
        """English words as Chinese speakers say them: abbreviations with each letter apart and stressed."""
        apart: dict[str, str] = {}
        for word in filter(_ABBREVIATION.fullmatch, words):
            whole, letters = self.english.phonemes([word]), [self.english.phonemes([letter]) for letter in word]
            if _unstressed(whole) == _unstressed("".join(letters)):
                apart[whole] = " ".join(letters).replace("ˌ", "ˈ")
        return " ".join(apart.get(sounds, sounds) for sounds in self.english.phonemes(words).split(" "))

    def _chinese_as_words(self, text: str) -> str:
        """Written Chinese as it is read aloud: words for numbers, units and signs, and for English short forms."""
        text = _BETWEEN_NUMBERS.sub(", ", text)
        text = unicodedata.normalize("NFKC", text.translate(_MARKS).translate(_NUMBER_FORMS))
        text = _ADDRESS.sub(lambda address: address[0].replace(".", "点").replace("@", "艾特"), _SCHEME.sub("", text))
        return expand(_BETWEEN_HANZI.sub(",", self.numerals.spell_out(text)))


def _unstressed(english: str) -> str:
    return english.replace("ˈ", "").replace("ˌ", "")


def _aspirated(english: str) -> str:
    return _BARE_STOP.sub("\\1ʰ", english.replace("T", "t").replace("ʧ", "ꭧʰ"))


def open_pronunciation(english: Path) -> Pronunciation:
    """Load dictionaries and grammars; ``english`` is the folder of the English one. Blocks.

    Raises:
        WeightsDamaged: The English dictionary cannot be read.
    """
    return Pronunciation(open_mandarin(), open_english(english), open_numerals())
