"""Whether somebody calls the robot to a stop. Decided here, by the words alone: no model stands between.

Any utterance with such a word stops it, also 不要停 and "don't stop": to stop once too often does no harm.
"""

import re
from collections.abc import Iterable

CHINESE = ("停", "站住", "站着", "别动", "不要动", "不准动", "住手", "定住", "等一下", "等等", "别走", "别转", "暂停")
ENGLISH = ("stop", "halt", "freeze", "whoa", "hold on", "hold it", "don't move", "do not move", "wait")

MISHEARD = (
    "听",
    "挺",
    "庭",
    "亭",
    "廷",
    "婷",
    "厅",
    "停以下",
    "听一下",
    "挺一下",
    "庭一下",
    "听下",
    "挺下",
    "stopp",
    "stuff",
    "top",
)
"""What recognisers make of a short 停, 停下 or "stop"; only if nothing else is said."""

_SIMPLER = str.maketrans("聽別動轉著不廳暫", "听别动转着不厅暂")
_CJK = re.compile(r"[\u3400-\u9fff]")
_POLITE = (
    "下来|一下|下|马上|立刻|赶紧|快|请|你|您|先|了|吧|啊|呀|啦|哦|止|掉|住|前进|后退|移动|运动|转动|转|动|走|给我|机器人|"
    r"\b(?:please|now|right|there|here|it|that|moving|turning|going|driving|the|robot|hey|okay|ok|at|once|immediately|"
    r"a|second|minute|moment|just|you|can|could|oh|no|and)\b"
)


class StopWords:
    """Knows them by the text.

    Args:
        more: Words beside `CHINESE` and `ENGLISH`.
    """

    def __init__(self, more: Iterable[str] = ()) -> None:
        words = [*CHINESE, *ENGLISH, *(simplified(word) for word in more if word.strip())]
        chinese = [re.escape(word) for word in words if _CJK.search(word)]
        others = [rf"\b{re.escape(word)}\b" for word in words if not _CJK.search(word)]
        self._words = re.compile("|".join(sorted(chinese, key=len, reverse=True) + others))
        self._polite = re.compile(_POLITE)

    def found_in(self, text: str) -> bool:
        """Whether the robot has to stop."""
        said = simplified(text)
        return bool(self._words.search(said)) or _letters(said) in MISHEARD

    def are_all_of(self, text: str) -> bool:
        """Whether nothing else is said, so that nothing else is to be done."""
        said = simplified(text)
        if _letters(said) in MISHEARD:
            return True
        rest, stops = self._words.subn(" ", said)
        return bool(stops) and not _letters(self._polite.sub(" ", rest))


def simplified(text: str) -> str:
    """Small letters, one kind of apostrophe and of spaces, and the simplified forms of what matters here."""
    return " ".join(text.casefold().replace("’", "'").split()).translate(_SIMPLER)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))
