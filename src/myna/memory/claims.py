"""The claims of a user about himself that may last: what is worth asking a language model about. Pure."""
# ruff: noqa: E501 - patterns stay in one piece

import re
from collections.abc import Iterator

from myna.memory.clauses import Statement, clauses_of
from myna.memory.wording import language_of, simplified, without_ending

LONGEST_CLAIM = 160
"""Characters: what is longer is a story."""
LEAST_LETTERS = 5

_ABOUT_SELF_ZH = re.compile(
    r"^(?:其实|对了|因为|所以|不过|但是?|而且|另外|最近|平时|平常|周末|晚上|早上|每天|每周|现在|目前|今年|去年|\s){0,6}(?:我|俺|咱)(?!(?:的|们的?|有个|有一个)?(?:好|女性|男性|老)?(?:朋友|同事|同学|老板|邻居|室友|舍友|老师|闺蜜|领导|客户|上司|前任|前男友|前女友))"
)
_LEFT_OUT_ZH = re.compile(r"^(?:最近|刚开始|开始|正在|平时|平常|每天|每周|每个|周末|一直|已经|从小)")
_ABOUT_SELF_EN = re.compile(
    r"^(?:(?:and|but|so|because|since|also|actually|well|oh|btw|by the way|honestly)[, ]+){0,6}(?:i|i'm|i've|my (?!(?:best |old |good )?(?:friend|boss|coworker|co-worker|colleague|neighbou?r|roommate|teacher|manager|ex|phone|computer|laptop|internet|battery|head)\b)|we|we've|our)\b",
    re.IGNORECASE,
)
_PASSING_ZH = re.compile(
    r"今天|今晚|今早|刚才|刚刚|刚(?!开始)|正要|马上|等一下|等会|一会|待会|觉得|认为|感觉|知道|明白|懂了|同意|希望|需要|谢谢|抱歉|对不起|不好意思|没听"
    r"|你|您|这[个里样是次么首部本]|那[个里样是次么首部本]|昨[天晚]|明天|后天|问题|在想|想|不叫|不是|没|不过敏|头[疼痛]|感冒|发烧|好忙|很忙|紧张|堵车|迟到|出差|好像|的人|的时候|不对.{1,8}过敏|过生日|可爱|生病|老板|好累|累|困|饿|渴|无聊|开心|难过|生气|郁闷|烦|回来了|在家呢|在[排地车路等]|吃饱|睡不着|帮我|试试|叫了|点了|了一[份杯顿碗]|再说|继续|听不|看不|爱你|猜|相信|怀疑|记得|忘"
)
_PASSING_EN = re.compile(
    r"\bi(?:'m| am) (?:at|on|in the|outside|here|back|home|off|out|near|done|cold|hot|full|cooking|eating|driving)\b|\b(?:bought|weather|today|tonight|right now|just|this (?:morning|afternoon|evening|one|song|is|morning)|yesterday|last night|a minute|a moment|think|feel|feeling"
    r"|guess|know|mean|want|wanna|need|understand|see|saw|hope|wonder|wondering|agree|disagree|forgot|sorry|thank|thanks|you|your|question|'d|would|could|can't|cannot|will"
    r"|'ll|gonna|hear|tired|hungry|bored|sad|happy|angry|sleepy|excited|glad|sure|ok|okay|fine|good|right|wrong|looking for|looking forward|trying to|try|joking|kidding|lost|it|that|this"
    r"|believe|remember|doubt|bet|promise|swear|finally|about to|at the moment|heard|tomorrow|headache|a cold|fever|flu|late|busy|stuck|sick|away|moved the|hate my|mess|second one|first one|the last one|life|isn't|aren't|'m not|am not|name|in (?:a|two|three|\d+) (?:days?|weeks?|hours?|minutes?)|read about|found|asked|told|said|going to)\b",
    re.IGNORECASE,
)


def claims_of(statement: Statement) -> Iterator[str]:
    """What a statement says about the user, in claims that may last; none where it was so in the past."""
    if statement.past:
        return
    claim = ""
    for clause in clauses_of(statement.text):
        own = _speaks_of_self(clause, begins=not claim)
        if claim and own:
            yield from _lasting(claim)
            claim = ""
        claim = f"{claim}{clause}" if claim or own else ""
    yield from _lasting(claim)


def _speaks_of_self(clause: str, *, begins: bool) -> bool:
    plain = simplified(clause).strip().replace("’", "'")
    if language_of(clause) == "en":
        return _ABOUT_SELF_EN.match(plain) is not None
    return _ABOUT_SELF_ZH.match(plain) is not None or (begins and _LEFT_OUT_ZH.match(plain) is not None)


def _lasting(claim: str) -> Iterator[str]:
    bare = without_ending(claim)
    plain = simplified(bare).replace("’", "'")
    passing = _PASSING_EN if language_of(bare) == "en" else _PASSING_ZH
    if LEAST_LETTERS <= len(bare) <= LONGEST_CLAIM and not passing.search(plain):
        yield bare
