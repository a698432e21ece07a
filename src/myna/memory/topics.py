"""What a sentence about the user is about, so that two of them can be compared. Pure.

Made for the sentences that the rules write; of any other nothing is known, and it is compared by its words.
"""
# ruff: noqa: E501 - patterns stay in one piece

import re
from dataclasses import dataclass

from myna.memory.wording import simplified


@dataclass(frozen=True, slots=True)
class Topic:
    """What a sentence is about, and what it says of it.

    Attributes:
        about: Something of which a user has one: his name, where he lives, whether he likes coffee.
        value: What it is, casefolded.
    """

    about: str
    value: str


_USER = r"^(?:用户|the user)"
_ONE_ZH = "妈妈|母亲|爸爸|父亲|老公|老婆|丈夫|妻子|太太|先生|爱人|男朋友|女朋友|男友|女友|对象|未婚[夫妻]|岳父|岳母|公公|婆婆|班主任|老板|导师"
_ONE_EN = "mother|mom|mum|father|dad|husband|wife|partner|boyfriend|girlfriend|fiancée?|fiancee|spouse|boss|manager"
_LIKED = r"最喜欢|特别喜欢|喜欢|喜爱|热爱|酷爱|偏爱|钟爱|爱(?=[吃喝看听玩打逛])|爱"
_DISLIKED = r"(?:不太|不怎么|不是很|一点都?不|并不|完全不|从来不|从不|不再|不)(?:喜欢|爱)|不再爱|讨厌|厌恶|反感|受不了"
_DOING_ZH = re.compile(r"^(?:吃|喝|看|听|玩|养|打|用|逛|做|去|读|了)+")
_DOING_EN = re.compile(
    r"^(?:to )?(?:eat|eating|drink|drinking|watch|watching|play|playing|listen to|listening to|read|reading|the taste of) "
)

_TOPICS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), about)
    for pattern, about in (
        (rf"{_USER}(?:叫|'s name is )(?P<value>.+)$", "name"),
        (rf"{_USER}(?:希望被叫做| wants to be called )(?P<value>.+)$", "called"),
        (rf"{_USER}姓(?P<value>.+)$", "surname"),
        (rf"{_USER}(?:现在|目前)?(?:住在| lives (?:in|near|at|on|outside|close to|by) )(?P<value>.+)$", "home"),
        (rf"{_USER}(?:来自| is from )(?P<value>.+)$", "origin"),
        (rf"{_USER}(?:的(?:老家|家乡|故乡|籍贯|祖籍)是|'s hometown is )(?P<value>.+)$", "hometown"),
        (rf"{_USER}(?:的(?:生日|出生日期)是|'s birthday is )(?P<value>.+)$", "birthday"),
        (rf"{_USER}的(?P<which>农历生日|阴历生日)是(?P<value>.+)$", "birthday by the moon"),
        (rf"{_USER}(?:的(?:结婚|恋爱)?纪念日是|'s (?:wedding )?anniversary is )(?P<value>.+)$", "anniversary"),
        (rf"{_USER}(?: is )?(?P<value>[\d一二三四五六七八九十]{{1,3}}|[a-z-]+)(?:岁| years old)$", "age"),
        (rf"{_USER}的(?P<which>{_ONE_ZH})叫(?P<value>.+)$", "who"),
        (rf"{_USER}'s (?P<which>{_ONE_EN}) is called (?P<value>.+)$", "who"),
        (rf"{_USER}最喜欢的(?P<which>.+?)是(?P<value>.+)$", "favourite"),
        (rf"{_USER}'s favourite (?P<which>.+?) is (?P<value>.+)$", "favourite"),
        (rf"{_USER}(?:在(?P<value>.+)(?:工作|上班)| works (?:at|for) (?P<value_en>.+?)(?: as .+)?)$", "employer"),
        (
            rf"{_USER}(?:的(?:工作|职业)是| works as (?:an? )?|'s (?:job|profession|occupation) is (?:an? )?)(?P<value>.+)$",
            "job",
        ),
        (
            rf"{_USER}(?: is )?(?P<value>单身|结婚.*|已婚|离异|离婚了?|未婚|订婚了?|single|married.*|divorced|widowed|engaged.*)$",
            "marriage",
        ),
    )
)
_TASTES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), value)
    for pattern, value in (
        (rf"{_USER}(?:{_DISLIKED})(?P<what>.+)$", "no"),
        (
            rf"{_USER}(?: really)? (?:doesn't|does not|no longer)(?: really)? (?:likes?|enjoys?|loves?)(?P<what> .+?)(?: any ?more| anymore)?$",
            "no",
        ),
        (rf"{_USER} (?:hates|dislikes|despises|detests|can't stand|cannot stand)(?P<what> .+)$", "no"),
        (rf"{_USER}(?:{_LIKED})(?P<what>.+)$", "yes"),
        (rf"{_USER}(?: really| also)? (?:likes|loves|enjoys|adores|prefers|is fond of|is into)(?P<what> .+)$", "yes"),
    )
)


def topic_of(text: str) -> Topic | None:
    """What a sentence is about, or None where that is not known."""
    plain = simplified(text).casefold().replace("’", "'").strip(" 。.！!")
    for pattern, value in _TASTES:
        if (match := pattern.match(plain)) and not match["what"].startswith("的"):
            what = _DOING_EN.sub("", _DOING_ZH.sub("", match["what"].strip()))
            return Topic(f"taste: {what}", value) if what else None
    for pattern, about in _TOPICS:
        if match := pattern.match(plain):
            groups = match.groupdict()
            which = groups.get("which")
            return Topic(
                f"{about}: {which}" if which else about, str(groups["value"] or groups.get("value_en")).strip()
            )
    return None
