"""The symbols that Kokoro v1.0 knows, from ``config.json`` of hexgrad/Kokoro-82M."""

from collections.abc import Mapping

_SYMBOLS: Mapping[int, str] = {
    1: ";:,.!?",
    9: '—…"()“” \u0303ʣʥʦʨᵝꭧAI',
    31: "O",
    33: "Q",
    35: "ST",
    39: "W",
    41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ",
    75: "βɔɕç",
    80: "ɖðʤə",
    85: "ɚɛɜ",
    90: "ɟ",
    92: "ɡ",
    99: "ɥ",
    101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴø",
    118: "ɸθœ",
    123: "ɹ",
    125: "ɾɻ",
    128: "ʁɽʂʃʈʧ",
    135: "ʊʋ",
    138: "ʌɣɤ",
    142: "χʎ",
    147: "ʒʔ",
    156: "ˈˌː",
    162: "ʰ",
    164: "ʲ",
    169: "↓",
    171: "→↗↘",
    177: "ᵻ",
}
"""Runs of symbols by the number of the first."""

VOCABULARY: Mapping[str, int] = {symbol: first + i for first, run in _SYMBOLS.items() for i, symbol in enumerate(run)}

PAD = 0
"""Stands before and behind every text."""

PUNCTUATION = frozenset(';:,.!?—…"()“” ')
"""Symbols without a sound."""

LONGEST = 510
"""In symbols: what the model takes at once, and how many style vectors a voice has."""
