"""Languages by code and by the English names that OpenAI's transcripts use: those that Whisper knows."""

from collections.abc import Mapping

from myna.server.errors import BadParameter
from myna.wire.languages import iso

_NAMES = """
af afrikaans, am amharic, ar arabic, as assamese, az azerbaijani, ba bashkir, be belarusian, bg bulgarian, bn bengali,
bo tibetan, br breton, bs bosnian, ca catalan, cs czech, cy welsh, da danish, de german, el greek, en english,
es spanish, et estonian, eu basque, fa persian, fi finnish, fo faroese, fr french, gl galician, gu gujarati, ha hausa,
haw hawaiian, he hebrew, hi hindi, hr croatian, ht haitian creole, hu hungarian, hy armenian, id indonesian,
is icelandic, it italian, ja japanese, jw javanese, ka georgian, kk kazakh, km khmer, kn kannada, ko korean, la latin,
lb luxembourgish, ln lingala, lo lao, lt lithuanian, lv latvian, mg malagasy, mi maori, mk macedonian, ml malayalam,
mn mongolian, mr marathi, ms malay, mt maltese, my myanmar, ne nepali, nl dutch, nn nynorsk, no norwegian, oc occitan,
pa punjabi, pl polish, ps pashto, pt portuguese, ro romanian, ru russian, sa sanskrit, sd sindhi, si sinhala, sk slovak,
sl slovenian, sn shona, so somali, sq albanian, sr serbian, su sundanese, sv swedish, sw swahili, ta tamil, te telugu,
tg tajik, th thai, tk turkmen, tl tagalog, tr turkish, tt tatar, uk ukrainian, ur urdu, uz uzbek, vi vietnamese,
yi yiddish, yo yoruba, yue cantonese, zh chinese
"""

LANGUAGES: Mapping[str, str] = {
    code: name for code, _, name in (entry.strip().partition(" ") for entry in _NAMES.split(","))
}
"""Names by ISO 639-1 code, and by the three letters of those that have none."""

_CODES: Mapping[str, str] = {name: code for code, name in LANGUAGES.items()}


def language_code(language: str) -> str:
    """The code of a language that is named by code (``en``, ``zh-CN``) or in English.

    Raises:
        BadParameter: There is no such language.
    """
    wanted = language.strip().lower()
    code = _CODES.get(wanted, iso(wanted))
    if code not in LANGUAGES:
        raise BadParameter(
            f"There is no language {language!r}.", param="language", hint="Give a code of ISO 639-1, such as en or zh."
        )
    return code


def language_name(code: str | None) -> str:
    """The English name in small letters, the code where it has none, and nothing for no language."""
    return LANGUAGES.get(code, code) if code else ""
