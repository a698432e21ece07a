"""Text to Kokoro's phonemes: Chinese, English, and both within a sentence."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from myna.engines.tts.english import English, open_english
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
_PLACES_TO_CUT = tuple(map(re.compile, ("[.!?…] ", "[,;:—] ", " ", ".")))

_MARKS = str.maketrans(
    {"，": ",", "、": ",", "。": ".", "！": "!", "？": "?", "：": ":", "；": ";", "～": "—", "–": "—", "…": "…"}
    | dict.fromkeys("（）()", ",")
)
_SIGNS: Mapping[str, dict[int, str]] = {
    "zh": str.maketrans({"&": "和", "+": "加", "=": "等于", "@": "艾特", "°": "度"}),
    "en": str.maketrans(
        {"&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "%": " percent ", "°": " degrees ", "#": " number "}
    ),
}
_SHORT_FORMS: Mapping[str, str] = {
    "Mr.": "Mister",
    "Mrs.": "Missis",
    "Ms.": "Miz",
    "Dr.": "Doctor",
    "Prof.": "Professor",
    "St.": "Saint",
    "vs.": "versus",
    "etc.": "et cetera",
    "e.g.": "for example",
    "i.e.": "that is",
}
_SHORT_FORM = re.compile(r"\b(?:{})".format("|".join(map(re.escape, _SHORT_FORMS))))
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}")  # U.S.A.
_BARE_STOP = re.compile("(?<!s)([ptk])(?![bdfhmnpstkvzðŋɡʃʒʤθ])")
_DOT = re.compile(r"(?<=[a-z0-9])\.(?=[a-z])")  # example.com


def main_language(text: str) -> str:
    """The language that most of ``text`` is in, ``zh`` or ``en``: a Chinese character counts as a word does."""
    return "zh" if len(_HANZI.findall(text)) > len(_WORDS.findall(text)) else "en"


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
            language: What its numbers are spoken in (ISO 639-1); None tells by the text.
            chinese_voice: Whether the voice learned from Chinese only. It speaks a bare p, t or k as in pinyin's b, d
                and g, so those of English words get the breath that it knows. (Errors of Whisper base over 20 mixed
                sentences: with two of three voices 4 % fewer, with the third as many.)
        """
        text = unicodedata.normalize("NFKC", text.translate(_MARKS)).replace("⁄", "/").replace("...", "…")
        language = "zh" if (language or main_language(text)).startswith("zh") else "en"
        text = _SHORT_FORM.sub(lambda form: _SHORT_FORMS[form[0]], text)
        text = _DOTTED.sub(lambda letters: letters[0].replace(".", "").upper(), text)
        text = _DOT.sub("点" if language == "zh" else " dot ", text)
        text = self.numerals.spell_out(text, language).translate(_SIGNS[language])
        spoken = ""
        for item in _ITEM.finditer(text):
            if item["marks"]:
                if spoken and spoken[-1] not in _MARK:
                    spoken += item["marks"][0]
            elif item["hanzi"]:
                spoken += " " + self.mandarin.phonemes(item["hanzi"])
            else:
                sounds = self.english.phonemes(_WORDS.findall(item["words"]))
                spoken += " " + (_aspirated(sounds) if chinese_voice else sounds)
        return "".join(symbol for symbol in spoken.strip() if symbol in VOCABULARY)


def _aspirated(english: str) -> str:
    return _BARE_STOP.sub("\\1ʰ", english.replace("T", "t").replace("ʧ", "ꭧʰ"))


def open_pronunciation(english: Path) -> Pronunciation:
    """Load dictionaries and grammars; ``english`` is the folder of the English one. Blocks.

    Raises:
        WeightsDamaged: The English dictionary cannot be read.
    """
    return Pronunciation(open_mandarin(), open_english(english), open_numerals())
