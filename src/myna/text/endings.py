"""What the end of a transcript tells of whether its speaker has ended."""

import re

_END = 80
"""So many characters are looked at, however long an utterance has grown."""

_CLOSED = re.compile(r"[。．！？!?.][\s”’」』）)\"']*$")
_TRAILS_OFF = re.compile(r"(?:\.\.+|…|——|-)[\s”’」』）)\"']*$")

_DIGIT = r"(?:\d|[零〇一幺二三四五六七八九两]|(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)\b)"
_SPELLED = r"(?:\b[a-z]\b|@|\b(?:at|dot|dash|hyphen|underscore|slash|point|plus)\b|艾特|点|下划线|横杠|横线)"
_CODE = r"\b(?=[a-z\d]*[a-z])(?=[a-z\d]*\d)[a-z\d]{3,}"  # PQ7
_DICTATED = re.compile(rf"(?:(?:(?:{_DIGIT}|{_SPELLED})[\s,，、.。\-–!?！？]*){{3,}}|{_CODE}[\s,.]*)$", re.IGNORECASE)
_OPEN = re.compile(
    r"(?:\b(?:and|or|but|because|so|if|when|that|the|a|an|to|of|for|with|at|in|on|is|are|my|your|dot|um|uh|er|like)"
    r"|@|因为|所以|但是|不过|而且|然后|如果|或者|还有|就是|那个|这个|比如|的话|艾特|点)[\s,，、.。…]*$",
    re.IGNORECASE,
)


def ends_sentence(text: str) -> bool:
    """Whether ``text`` ends in sentence punctuation."""
    end = text[-_END:]
    return _CLOSED.search(end) is not None and _TRAILS_OFF.search(end) is None


def dictates(text: str) -> bool:
    """Whether ``text`` ends in digits or spelled letters, as phone numbers and addresses are said in pieces."""
    return _DICTATED.search(text[-_END:]) is not None


def is_open(text: str) -> bool:
    """Whether ``text`` ends in a word that something has to follow, whatever punctuation the ASR put behind it."""
    return _OPEN.search(text[-_END:]) is not None
