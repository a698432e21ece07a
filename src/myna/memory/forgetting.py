"""Forgetting by word: "忘掉我说的生日", "don't remember that", "forget everything about me"."""
# ruff: noqa: E501 - patterns stay in one piece

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from myna.core.ids import MessageId
from myna.core.messages import UserMessage
from myna.memory.base import Memories, Memory, Scope
from myna.memory.topics import topic_of
from myna.memory.wording import Language, language_of, simplified
from myna.memory.words import words_of

Wanted: TypeAlias = Literal["topic", "this", "everything", "yes"]
"""What is to be forgotten: what is about something, what was just said, all, or "yes" to that question."""

LONGEST = 200
"""Characters of an utterance that can ask for this; in longer ones it is told of."""
LEAST_SAID = 5
"""So many letters before "don't remember that" are what it means."""
LOOKED_AT = 100
"""So many memories that are near a topic are looked at."""
MOST_LAST = 100
"""Among so many of the newest memories are those of the last message."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks to be forgotten.

    Attributes:
        about: What he calls it, where it is a topic.
        itself: "this" is what he says in the same utterance.
    """

    wanted: Wanted
    about: str = ""
    itself: bool = False

    @property
    def is_final(self) -> bool:
        """Whether it is about what was said before, and needs no yes first."""
        return self.wanted != "everything" and not self.itself


@dataclass(frozen=True, slots=True)
class Last:
    """What came before an utterance.

    Attributes:
        message_ids: The user's messages that "this" may mean: the last one.
        asked_everything: The user was just asked whether all is to be forgotten.
    """

    message_ids: tuple[MessageId, ...] = ()
    asked_everything: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is forgotten, or is going to be.

    Attributes:
        texts: What the memories say, where they are known.
        count: How many they are; None: all that there are.
        asks: Nothing goes yet: the user has to say yes first.
    """

    request: Request
    language: Language
    texts: tuple[str, ...] = ()
    count: int | None = 0
    asks: bool = False

    @property
    def note(self) -> str:
        """What the prompt tells the model, so that it can say what was forgotten; without what that was."""
        zh = self.language != "en"
        about = self.request.about
        if self.asks:
            return (
                "用户要求忘掉关于他的一切。还没有忘掉。请问他是否确定，请他回答“是”。"
                if zh
                else "The user asks to forget everything about them. Nothing is forgotten yet. Ask whether they are sure; "
                "they have to answer yes."
            )
        if self.request.wanted in ("everything", "yes"):
            return (
                "按用户的要求，关于他的所有记忆都已删除。告诉他这一点。"
                if zh
                else "As the user asked, all memories about them are gone. Tell them so."
            )
        if self.request.wanted == "this":
            return (
                "按用户的要求，刚才说的内容不会被记住。告诉他这一点，不要重复内容。"
                if zh
                else "As the user asked, what was just said is not remembered. Tell them so, and do not repeat it."
            )
        if not self.count:
            return (
                f"用户要求忘掉“{about}”，但记忆里没有这方面的内容。告诉他这一点。"
                if zh
                else f'The user asks to forget "{about}", but nothing about it was remembered. Tell them so.'
            )
        return (
            f"按用户的要求，关于“{about}”的记忆已删除（{self.count} 条）。告诉他这一点，不要重复内容。"
            if zh
            else f'As the user asked, the memories of "{about}" are gone ({self.count}). Tell them so, and do not repeat them.'
        )


_POLITE_ZH = r"(?:^|[，,。.！! ])(?:请你?|麻烦你?|帮我|你|你可以|你能|能不能|可以|那|那就|算了|好的|还是|快|赶紧|都|就|拜托|我要你|我想让你|希望你|我想你){0,6}[，, ]*"
_POLITE_EN = r"(?:^|[,.!;] ?)(?:(?:please|can you|could you|would you|will you|i want you to|i'd like you to|just|ok|okay|so|actually|now|then|hey|myna|also|and|you should|you can|let's)[, ]+){0,6}"
_FORGET_ZH = (
    r"(?:忘掉|忘记|忘了|忘却|删掉|删除|删了|清除|抹掉|抹去|擦掉|移除|清空|不要再?记住?|别再?记住?|不用再?记住?|别记得?)"
)
_FORGET_EN = r"(?:forget|delete|erase|remove|wipe|clear)"
_ALL_OF_ZH = r"(?:的?(?:关于|有关)?我?的?(?:记忆|事情?|东西|信息|资料|内容|记录|话|细节))?"
_DELETES = re.compile(r"删|清|抹|擦|移除|\b(?:delete|erase|remove|wipe|clear)\b")
"""What is said of alarms and photos too: it counts only beside the words for what is remembered."""
_OF_MEMORY = re.compile(
    r"记忆(?![卡体棒力])|你(?:所|都|还|已经|能)?(?:知道|记得|记住|存)|关于我|有关我|我(?:刚才|刚刚|刚|之前|以前|曾经|跟你|对你){0,3}(?:说|讲|告诉你?)过?的"
    r"|\bmemor(?:y|ies)\b|\byou(?:'ve| have)? (?:know|remember|learned|stored|saved)\b|\babout me\b"
    r"|\bi(?:'ve| have)?(?: just| ever)? (?:said|told you|mentioned)\b"
)
_CLAUSE = re.compile(r"[^，,。.！!；;？?\n]*")
_NOT_ASKED = re.compile(
    r"(?:别|不要|不会|不能|没|没有|从不|不许|千万别|可别)(?:再)?忘|我(?:都|又|已经|差点|好像|总是|老是|经常|快|也)?(?:忘|把[^，]{0,8}忘)|你(?:怎么|为什么|是不是|又|都|已经|居然|竟然|会|不会)(?:就)?[^，]{0,6}忘"
    r"|忘不了|忘(?:掉|记|了)[^，,]*(?:吗|了没|没有)[?？]?$|\b(?:don't|do not|never|won't|didn't|can't|cannot|not) (?:ever )?forget\b"
    r"|\bi(?:'ll| will|'ve| have|'d| always| often| keep| almost| just| never){0,6} (?:forget|forgot|forgetting)\b|\byou (?:always |often |keep )?(?:forget|forgot)\b|did you forget"
)
_ALL_ZH = re.compile(
    rf"(?:{_FORGET_ZH}(?:掉|关于|有关|你|我|知道|记得|记住|对|的|说过|说|过|曾经|存|了){{0,6}}(?:一切|所有|全部){_ALL_OF_ZH}(?:都|吧|了|好吗|可以吗){{0,3}}(?=$|[，,。！!？?])"
    rf"|(?:把|将)(?:关于|有关|你|我|知道|记得|记住|对|的|说过|说|过|存){{0,6}}(?:一切|所有|全部){_ALL_OF_ZH}(?:都|全|全部|通通|给我|从记忆[里中]){{0,3}}{_FORGET_ZH}"
    rf"|(?:忘了|忘掉|忘记)我(?:吧|这个人)?[。！!]?$|把我(?:彻底|完全|给)?(?:忘了|忘掉|忘记)|清空(?:你的|所有|全部|我的){{0,6}}记忆(?![卡体棒力])|(?:删除|清除|删掉)(?:你的|我的|所有的?|全部的?){{0,6}}记忆[。！!]?$)"
)
_ALL_EN = re.compile(
    rf"{_POLITE_EN}{_FORGET_EN} (?:(?:absolutely )?everything(?! i (?:just )?said about (?!me\b))(?: (?:that )?you (?:know|remember|have|stored|learned|saved)[^.!?]*)?"
    r"(?: about me| i(?:'ve| have)?(?: ever)? (?:told|said)[^.!?]*)?|all (?:of )?(?:my|your) memor(?:y|ies)(?: (?:of|about) me)?|all (?:that )?you know about me"
    r"|(?:your|my) (?:entire |whole )?memor(?:y|ies)(?: (?:of|about) me)?|all (?:memories|facts|data|information) about me|about me|me)(?: please|, please)?[.! ]*$"
)
_THIS_ZH = re.compile(
    r"(?:(?:别|不要|不用|不必|请勿|勿)(?:再|去|把)?(?:记住?|记下来?|存|保存|记录)(?:下|下来|得)?(?:这个|这些|这件事|这句话?|这一点|这点|刚才(?:说)?的话?|我刚(?:才)?说的(?:话)?|它|啊|哦|了|吧){0,6}(?=$|[，,。！!~：:])"
    r"|(?:这个|这些|这件事|这句话?|这一点|这点|这|刚才(?:说)?的话?|我刚(?:才)?说的(?:话)?)(?:就|可|你|请|都|先){0,6}(?:别|不要|不用|不必|请勿)(?:再)?(?:记|存|保存)(?:住|下|下来|录|了|着|得){0,6}(?=$|[，,。！!~：:])"
    r"|(?:忘掉|忘记|忘了|删掉|删除|把)(?:我)?(?:刚才|刚刚|刚|上一句|前面)(?:说|讲)?的?(?:那句|那些|这些|内容|话|事|东西){0,6}(?:忘掉|忘了|忘记|删掉|删除|吧|给){0,6}[。！!]*$"
    r"|(?:忘掉|忘记)(?:这个|这件事|这些|这句话?|它)(?:吧)?[。！!]*$)"
)
_THIS_EN = re.compile(
    rf"{_POLITE_EN}(?:(?:don't|do not|please don't|no need to) (?:remember|save|store|keep|record|memorize) (?:that|this|it"
    r"|any of (?:that|this)|what i (?:just )?said)(?: (?:last (?:part|bit)|one|please|in your memory))?(?=$|[,.!:;]| but\b)"
    r"|forget (?:that|this|what i (?:just|'ve just) (?:said|told you)|what i said|i (?:just )?said that|i (?:just )?said anything"
    r"|the last thing(?: i said)?|my last message)(?:,? please)?[.! ]*$)"
)
_TOPIC_ZH = re.compile(
    rf"{_POLITE_ZH}(?:{_FORGET_ZH}(?:掉|住|得)?(?P<one>(?:我|关于|有关|你知道的|你记得的|你记住的|和我|跟我)[^，,。！!？?]{{1,30}}?)(?:吧|了|啦|好吗|可以吗|哦)?(?=$|[，,。！!])"
    rf"|(?:把|将)(?P<two>[^，,。！!？?]{{1,30}}?)(?:都|全部|全|给|从记忆(?:里|中)|从你的记忆(?:里|中)){{0,6}}{_FORGET_ZH})"
)
_TOPIC_EN = re.compile(
    rf"{_POLITE_EN}(?:{_FORGET_EN} (?:(?:everything|anything|all|what|whatever|the things?|the part) (?:that )?(?:i(?:'ve| have)?(?: just| ever)? (?:said|told you|mentioned)|you (?:know|remember|have|stored))(?: about| regarding| on)? |about |that |the (?:memory|memories|fact|facts) (?:about|of|that) |what you know about )?"
    r"(?P<one>(?:my|i|i'm|i've|where i|when i|what i|who i|how i|our|we)\b[^.!?,]{1,60}?)|(?:don't|do not) (?:remember|keep|store) (?P<two>my [^.!?,]{2,40}?))(?: from (?:your )?memory)?(?: please|, please)?(?=$|[.!?,])"
)
_TELLING = re.compile(
    r"^(?:关于|有关|我们?|你知道的|你记得的|你记住的|和我|跟我|曾经|刚才|之前|上次|以前|跟你|对你|告诉你?|和你|说过?|提过?|讲过?|的|有关|那个|那件|那些|事情?){1,6}"
)
_TELLING_EN = re.compile(r"^(?:my|our|that|i(?:'m| am|'ve| have)?|we|where i|when i|what i|who i|how i|about)\s+")
_ENDING = re.compile(r"(?:的)?(?:事情?|信息|资料|记录|记忆|内容|话|那件事|这件事|这些|那些)$")

_YES = re.compile(
    r"^(?:是|是的|对|对的|好|好的|嗯+|确定|确认|我确定|我确认|没错|可以|当然|忘吧|删吧|全部忘掉|忘掉吧|删除吧|行|嗯，?确定|是的，?(?:我)?确定|yes|yes please|yeah|yep|yup|sure|i'm sure|i am sure"
    r"|yes,? i'm sure|yes,? i am sure|confirm|confirmed|do it|go ahead|absolutely|definitely|ok|okay|please do|yes,? do it|yes,? please|yes,? forget everything)[。.！!~ 吧啊]*$"
)

_GLUE = (
    r"(?:(?:在|是)?(?:哪[里儿]?|什么|多少|多大|什么时候|谁)|在哪个?(?:城市|地方)|的?(?:名字|日期|地方|地点|情况|问题|事情?|史|东西)|叫什么(?:名字)?"
    r"|s|'s? names?|day| at| for| in| is| am| (?:place|date|address|problems?|issues?|history|info(?:rmation)?))?"
)
"""What may stand beside a topic, so that it is still the whole of what is to be forgotten."""
_MEANT: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:用户|我|我的|我们的|the|my|our)? ?(?:{asked}) ?{_GLUE}"), re.compile(kept), words)
    for asked, kept, words in (
        (r"生日|出生|birthday|born|birth", r"生日|出生|birthday|\bborn\b", "用户的生日 出生 The user's birthday born"),
        (
            r"^(?:真?名字?|姓名|全名|叫什么)$|^(?:full |real |first )?name$|^called$",
            r"^用户(?:叫|姓|希望被叫)|^大家叫|the user's (?:name|nickname|last name|surname) |wants to be called|goes by|people call",
            "用户叫 The user's name is called",
        ),
        (
            r"住[在哪址处]?|地址|家在哪|搬|\blive\b|address|home|moved",
            r"^用户(?:住|在.*生活)|the user lives",
            "用户住在 The user lives in",
        ),
        (
            r"来自|老家|家乡|是?哪里人|(?:where i'm )?from|hometown",
            r"来自|老家|家乡|是.{2,5}人$|is from|hometown|grew up|was born in",
            "用户来自 The user is from hometown",
        ),
        (
            r"(?:在哪[里儿]?)?工作|职业|(?:在哪[里儿]?)?上班|公司|\bjob\b|\bwork\b|profession|occupation|employer",
            r"工作|职业|上班|从事|works |'s (?:job|profession|occupation)|is an? .*(?:er|or|ist|nurse|student)\b",
            "用户的工作 职业 The user works as job",
        ),
        (r"过敏|对什么过敏|allerg\w*(?: to)?", r"过敏|過敏|allerg", "用户对…过敏 The user is allergic to"),
        (
            r"年龄|岁数|多大|几岁|^age$|how old",
            r"\d+岁|[一二三四五六七八九十]岁|years old",
            "用户 岁 The user is years old",
        ),
        (
            r"健康|身体|病|health|illness|disease",
            r"过敏|病|血压|哮喘|allerg|diabet|asthma|migraine|diagnos",
            "用户的健康 过敏 有病 The user is allergic health",
        ),
        (r"小?猫咪?|cats?|kittens?", r"猫|\bcats?\b|kitten", "用户的猫 The user's cat"),
        (r"小?狗狗?|dogs?|puppy|puppies", r"狗|\bdogs?\b|pupp", "用户的狗 The user's dog"),
        (
            r"宠物|\bpets?\b",
            r"猫|狗|鱼|鸟|兔|龟|鼠|宠物|\b(?:cat|dog|pet|fish|bird|rabbit|hamster|parrot|horse)",
            "用户的宠物 猫 狗 The user's pet cat dog",
        ),
        (
            r"家人|家里人|family",
            r"妈|爸|父|母|哥|弟|姐|妹|妻|夫|老婆|老公|儿|女|孩|mother|mom|father|dad|brother|sister|wife|husband|son|daughter|kid|child",
            "用户的家人 妈妈 爸爸 The user's family mother wife",
        ),
        (
            r"喜好|爱好|口味|喜欢的东西|喜欢什么|hobb\w*|likes and dislikes|preferences|what i like|^like$",
            r"喜欢|爱|讨厌|like|love|enjoy|favou?rite|hobb",
            "用户喜欢 爱好 The user likes hobby",
        ),
    )
)


def last_of(message: UserMessage, request: Request | None) -> Last:
    """What has to be known of an utterance, and of the ``request`` in it, to understand the next one."""
    return Last((message.id,), asked_everything=request is not None and request.wanted == "everything")


def request_in(utterance: str, *, asked_everything: bool = False) -> Request | None:
    """What an utterance asks to be forgotten, or None. ``asked_everything``: it may be the answer to that question."""
    if len(utterance) > LONGEST:
        return None
    plain = simplified(utterance).replace("’", "'").casefold().strip()
    if asked_everything and _YES.match(plain):
        return Request("yes")
    if _NOT_ASKED.search(plain):
        return None
    if any((match := each.search(plain)) and _is_of_memory(match) for each in (_ALL_ZH, _ALL_EN)):
        return Request("everything")
    return _of_this(plain) or _of_topic(plain)


def _is_of_memory(match: re.Match[str]) -> bool:
    """Whether a match asks to forget, or to delete what is remembered: not an alarm, or a photo."""
    if not _DELETES.search(match[0]):
        return True
    rest = _CLAUSE.match(match.string, match.end())
    return _OF_MEMORY.search(match.string, match.start(), rest.end() if rest else match.end()) is not None


def _of_this(plain: str) -> Request | None:
    match = _THIS_ZH.search(plain) or _THIS_EN.search(plain)
    if match is None or not _is_of_memory(match):
        return None
    besides = re.sub(r"\W", "", plain[: match.start()] + plain[match.end() :])
    return Request("this", itself=len(besides) >= LEAST_SAID)


def _of_topic(plain: str) -> Request | None:
    match = _TOPIC_ZH.search(plain) or _TOPIC_EN.search(plain)
    about = _bare(match["one"] or match["two"]) if match and _is_of_memory(match) else ""
    return Request("topic", about) if about else None


def is_about(text: str, about: str) -> bool:
    """Whether a sentence is about what the user calls so."""
    plain, about = simplified(text).casefold(), simplified(about).casefold()
    meant = [kept for asked, kept, _ in _MEANT if asked.fullmatch(about)]
    if any(kept.search(plain) for kept in meant):
        return True
    if about in plain:
        return True
    topic, words = topic_of(text), words_of(about)
    if topic is not None and topic.value and topic.value == about:
        return True
    return bool(words) and len(words & words_of(plain)) >= max(1, round(0.7 * len(words)))


async def meant_by_word(utterance: str, memories: Memories, scope: Scope, last: Last) -> Forgotten | None:
    """What an utterance asks to be forgotten; None where it asks for no such thing. Nothing goes yet."""
    request = request_in(utterance, asked_everything=last.asked_everything)
    if request is None:
        return None
    language = language_of(utterance)
    if request.wanted == "everything":
        return Forgotten(request, language, asks=True)
    if request.wanted == "yes":
        return Forgotten(request, language, count=None)
    found = await _meant_by(request, memories, scope, last)
    return Forgotten(request, language, tuple(each.text for each in found), len(found))


async def forget_by_word(utterance: str, memories: Memories, scope: Scope, last: Last) -> Forgotten | None:
    """Forget what an utterance asks to be forgotten; None where it asks for no such thing.

    All is forgotten only after a plain yes: that is an utterance after one that asked for it (``last.asked_everything``).
    """
    request = request_in(utterance, asked_everything=last.asked_everything)
    if request is None:
        return None
    language = language_of(utterance)
    if request.wanted == "everything":
        return Forgotten(request, language, asks=True)
    if request.wanted == "yes":
        return Forgotten(request, language, count=await memories.forget_all(scope.user_id))
    found = await _meant_by(request, memories, scope, last)
    count = await memories.forget(scope, [each.id for each in found]) if found else 0
    return Forgotten(request, language, tuple(each.text for each in found), count)


def withdraws(request: Request, last: Last, message_id: MessageId, text: str) -> bool:
    """Whether what a user said before is not to be remembered any more, after such a request."""
    match request.wanted:
        case "yes":
            return True
        case "everything":
            return False
        case "this":
            return message_id in last.message_ids and not request.itself
        case "topic":
            return is_about(text, request.about)


async def _meant_by(request: Request, memories: Memories, scope: Scope, last: Last) -> Sequence[Memory]:
    if request.itself:
        return ()
    if request.wanted == "this":
        newest = await memories.all(scope, limit=MOST_LAST)
        return [each for each in newest if each.source is not None and each.source in last.message_ids]
    asked = " ".join([request.about, *(words for meant, _, words in _MEANT if meant.fullmatch(request.about))])
    near = await memories.nearest(scope, asked, limit=LOOKED_AT)
    return [each.memory for each in near if is_about(each.memory.text, request.about)]


def _bare(about: str) -> str:
    bare = _ENDING.sub("", _TELLING.sub("", about.strip()))
    while telling := _TELLING_EN.match(bare):
        bare = bare[telling.end() :]
    return bare.strip(" 的了")
