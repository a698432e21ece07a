"""What the end of a transcript tells of whether its speaker has ended."""

import re

_CLOSED = re.compile(r"[。．！？!?.][\s”’」』）)\"']*$")
_TRAILS_OFF = re.compile(r"(?:\.\.+|…|——|-)[\s”’」』）)\"']*$")

_DIGIT = r"(?:\d|[零〇一幺二三四五六七八九两]|(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)\b)"
_SPELLED = r"(?:\b[a-z]\b|@|\b(?:at|dot|dash|hyphen|underscore|slash|point|plus)\b|艾特|点|下划线|横杠|横线)"
_DICTATED = re.compile(rf"(?:(?:{_DIGIT}|{_SPELLED})[\s,，、.。\-–!?！？]*){{3,}}$", re.IGNORECASE)
_OPEN = re.compile(
    r"(?:\b(?:and|or|but|because|so|if|when|that|the|a|an|to|of|for|with|at|in|on|is|are|my|your|dot|um|uh|er|like)"
    r"|@|因为|所以|但是|不过|而且|然后|如果|或者|还有|就是|那个|这个|比如|的话|艾特|点)[\s,，、.。…]*$",
    re.IGNORECASE,
)


def ends_sentence(text: str) -> bool:
    """Whether ``text`` ends in sentence punctuation."""
    return _CLOSED.search(text) is not None and _TRAILS_OFF.search(text) is None


def dictates(text: str) -> bool:
    """Whether ``text`` ends in digits or spelled letters, as phone numbers and addresses are said in pieces."""
    return _DICTATED.search(text) is not None


def is_open(text: str) -> bool:
    """Whether ``text`` ends in a word that something has to follow, whatever punctuation the ASR put behind it."""
    return _OPEN.search(text) is not None
