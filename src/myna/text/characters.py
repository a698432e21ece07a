"""Kinds of characters, as ranges for regular expressions."""

import re

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
"""Characters that are a word or a syllable each and need no spaces between them."""

EMOJI = (
    "\u00a9\u00ae\u200d\u203c\u2049\u20e3\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u2500-\u27bf\u2934\u2935"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\ufe0e\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f"
)
"""Emoji, what joins and varies them, and the symbols of the same blocks (arrows, boxes, dingbats).

Wider than Unicode's Emoji property where its gaps hold nothing that a voice could say, and without the digits, ``#``
and ``*``, which are emoji only when a keycap follows.
"""

_CJK_PUNCTUATION = "\u3001-\u303f\uff01-\uff65"

_CJK = re.compile(f"[{CJK}]")
_CJK_OR_PUNCTUATION = re.compile(f"[{CJK}{_CJK_PUNCTUATION}]")
_EMOJI = re.compile(f"[{EMOJI}]")


def is_cjk(character: str) -> bool:
    """Whether it is a Chinese, Japanese or Korean character."""
    return _CJK.match(character) is not None


def needs_no_space_after(character: str) -> bool:
    """Whether it is a Chinese, Japanese or Korean character or punctuation mark."""
    return _CJK_OR_PUNCTUATION.match(character) is not None


def is_emoji(character: str) -> bool:
    """Whether it is an emoji or a part of one."""
    return _EMOJI.match(character) is not None
