"""What a user states in earnest: the clauses of an utterance without its questions, suppositions, quotes and play. Pure.

What is left out is no loss: a fact that matters is said again. What is kept wrongly is believed for good.
"""
# ruff: noqa: E501 - patterns stay in one piece

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from myna.memory.wording import Language, language_of, simplified

LONGEST = 1_000
"""Characters of an utterance that are looked at: what is longer was pasted."""
LONGEST_PLAY = 10
"""Utterances from "you be the waiter" on in which only what is asked for is remembered."""

_SENTENCE = re.compile(r"[^。！？!?\n；;…]+?(?:\.(?=\s|$|[\u4e00-\u9fff])|[。！？!?\n；;…]+|$)")
_COMMA = re.compile(
    r"[，,:：]+|、(?=我)|——+|--+|\s+[-–—]\s+|\s*\((?=i\b|my\b)"
    r"|\s+(?=(?:and|but|so|because|since|though|although|or)\s+(?:i|i'm|i've|i'd|my|we|our|he|she|they|it|you|can|could"
    r"|what|how|please)\b)"
    r"|(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])",
    re.IGNORECASE,
)

_PLAY = re.compile(
    r"扮演|角色|假装|装作|台词|歌词|剧本|造句|例句|翻译|改写|润色|续写|仿写|写(?:一|个|首|篇|段|封)|编(?:一|个)|讲(?:一?个)(?:故事|笑话)"
    r"|开玩笑|逗你|骗你|说笑|瞎说|胡说|闹着玩|整蛊|模仿|以下|下面(?:这|的)|这句|用户说|朗读|念一|口吻|玩个游戏|谜语|绕口令|首歌|歌里|歌词|诗里|用[\u4e00-\u9fff]{1,3}语(?:怎么)?说|怎么说|(?:我来?演|我来当|你来?(?:演|当))(?!过|时|然|了|初|前)|你是(?:面试官|服务员|老师|医生|老板|皇帝|客服|店员|警察|女王|公主|国王)"
    r"|\b(?:pretend|role[- ]?play|roleplay|lyrics?|translat\w+|rewrite|proofread|paraphrase|rephrase|just kidding|kidding"
    r"|joking|jk|play the (?:part|role)|act as|in the voice of|impersonat\w+|write (?:me )?(?:a|an|the|some)|compose"
    r"|the sentence|the following|imagine|the character|my character|tongue twister|riddle|correct this|fix this"
    r"|spell[- ]?check|for example|e\.g\.|how (?:do|would) (?:you|i|one) say|say in|(?:what's|what is) (?:the )?(?:german|french|spanish|italian|japanese|chinese|korean|russian|latin) for|a story|a poem|you be|you(?:'re| are) the|you play|i(?:'ll)? play the role|i'll be the|i'll play|let's play|it goes|goes like|that song|the song|that line|get it\??$)",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"如果|假如|要是|假设|倘若|若是|万一|即使|就算|哪怕|比如|例如|譬如|好像|仿佛|恨不得|但愿|要不是|除非|的话$|想象"
    r"|\b(?:if|suppose|supposing|unless|what if|let's say|as if|as though|assuming|whether|wish|would|were i|might|i guess|maybe"
    r"|perhaps|say i|in case|had i|could have|hypothetically)\b|可能|也许|说不定|大概|或许"
    # denied or doubted
    r"|不(?:认为|觉得|确定|信|承认|敢说|知道我|是说)|没(?:有)?(?:说|觉得)过?我|怀疑|担心|怕我|以为|并(?:不是|非)我|排除|否认|谁说"
    r"|\b(?:not (?:sure|saying|true|certain|convinced)|(?:don't|do not|didn't|did not) (?:think|believe|say|know (?:if|that|i))|doubt"
    r"|never said|ruled out|no idea|(?:worried|afraid|fear|suspect) (?:that )?i|den(?:y|ied))\b",
    re.IGNORECASE,
)
_ASKED_ZH = re.compile(
    r"[吗么?？]$|吗[?？]?$|什么(?![^，,]{0,3}都)|谁|哪[里儿个些位种]|哪(?=[\u4e00-\u9fff])|几点|几岁|几号|多少|多大|多久|怎么|怎样|为啥|为何|为什么|是不是|有没有"
    r"|能不能|可不可以|会不会|要不要|该不该|对不对|好不好|喜不喜欢|爱不爱|知不知道|叫啥|干嘛|还是.*[呢?？]$|如何"
)
_ASKED_EN = re.compile(
    r"^(?:(?:and|but|so|or|well|hey|ok|okay|myna|then)[, ]+){0,6}(?:do|does|did|am|is|are|was|were|can|could|will|would|should"
    r"|shall|may|have i|has|had i|haven't|don't i|don't you|do you|what|what's|who|who's|whose|where|where's|when|why|how"
    r"|how's|which|isn't|aren't|won't|guess)\b|\b(?:do you (?:know|remember|think)|can you (?:guess|tell))\b",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"(?:他|她|它|他们|她们|妈|爸|姐|哥|弟|妹|友|老师|同事|老板|人家|别人|有人|网上|书上|医生|主角|歌里|电影里|小说里)[^我，]{0,6}"
    r"(?:说|问|觉得|以为|认为|告诉|唱|写|喊|希望|猜|讲)"
    r"|\b(?:he|she|they|it|people|everyone|someone|somebody|friend|mom|mum|mother|dad|father|wife|husband|boss|sister"
    r"|brother|doctor|teacher|coworker|colleague|text|song|book|article|message|review|movie|[A-Z][a-z]+)\s+(?:once |just "
    r"|always |still )?(?:says?|said|thinks?|thought|told|tells|asked|asks|claims?|claimed|sings?|sang|goes|wrote|believes?"
    r"|assumes?|assumed|guessed)\b|\b(?:says|said|saying|quote|quoted)\s*$",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"以前|曾经|小时候|从前|过去|原来(?!我)|之前|那时|当年|早先|\b(?:used to|back then|back when|as a (?:kid|child|boy|girl)"
    r"|when i was|formerly|previously|once upon)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"“[^”]*”|「[^」]*」|『[^』]*』|\"[^\"]*\"|‘[^’]*’|(?<!\w)'[^']+'(?!\w)")
_NAMED = re.compile(r"(?:叫|是|名字|名|called|named|is|me|remember|that|记住)[:： ]*$", re.IGNORECASE)
_BELONGS = re.compile(
    r"^\s*(?:(?:它|他|她|它们)?的?(?:名字)?(?:叫|名叫)|(?:它|他|她)的名字"
    r"|(?:and )?(?:his|her|its|their) names? (?:is|are)\b|(?:and )?(?:he|she|it)(?:'s| is) (?:called|named)\b"
    r"|(?:called|named)\b)",
    re.IGNORECASE,
)
_OPENING = r"^(?:你好|嗨|大家好|哈喽|其实|对了|那个|嗯|因为|所以|不过|但是?|而且|另外|[，, ]){0,6}"
_BLANKS = re.compile(r"[^\S\n]+")
PASTED = re.compile(r"```(?s:.*?)(?:```|\Z)|^>.*$", re.MULTILINE)
"""Code, and lines that are quoted: nobody says them himself."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Clauses in a row of one sentence that state something; those in between that do not have ended it.

    Attributes:
        text: As it was said.
        past: It was so, and perhaps is no more.
    """

    text: str
    language: Language
    past: bool = False

    @property
    def plain(self) -> str:
        """The text to match: in simplified characters and with straight quotes, as long as it is."""
        return simplified(self.text).replace("’", "'")


_PLAYED_TO = re.compile(
    r"[\u4e00-\u9fff]{1,4}(?:先生|女士|小姐|大人|陛下|殿下|将军|大侠|同学|公子|阁下)"
    r"|\b(?:monsieur|madame|mr\.?|mrs\.?|ms\.?|sir|madam|my lord|my lady|your (?:majesty|highness|honou?r|grace)|captain"
    r"|detective|officer|signore?|señora?|herr|frau)\b",
    re.IGNORECASE,
)
_PLAY_BEGINS = re.compile(
    r"扮演|角色|假装|装作|(?:我来?演|我来当|你来?(?:演|当))(?!过|时|然|了|初|前)|我们来玩|你是(?:面试官|服务员|老师|医生|老板|皇帝|客服|店员|警察|女王|公主|国王)"
    r"|\b(?:pretend|role[- ]?play|act as|you be|you play|i'll be the|i'll play|let's play|imagine (?:you|we))\b",
    re.IGNORECASE,
)


def begins_play(utterance: str) -> bool:
    """Whether the conversation is a play from here on, for `LONGEST_PLAY`, in which nobody speaks of himself."""
    return _PLAY_BEGINS.search(simplified(utterance[:LONGEST])) is not None


def is_played_to(reply: str) -> bool:
    """Whether a reply addresses somebody in a play: by a title."""
    return _PLAYED_TO.search(simplified(reply)) is not None


def statements(utterance: str) -> list[Statement]:
    """What is stated in earnest in an utterance, in its order."""
    text = _BLANKS.sub(" ", PASTED.sub(" ", utterance[:LONGEST]))
    if _PLAY.search(simplified(text)):
        return []
    found: list[Statement] = []
    for sentence in _SENTENCE.findall(_without_quotes(text)):
        if found and _BELONGS.match(simplified(sentence)) and not sentence.rstrip().endswith(("?", "？")):
            end = found[-1].text.rstrip("。.！! ")
            comma = ", " if found[-1].language == "en" else "，"
            found[-1] = replace(found[-1], text=f"{end}{comma}{sentence.strip()}")
            continue
        found += _of_sentence(sentence)
    return found


_OWN = re.compile(rf"{_OPENING}我(?!家|们|的|妈|爸|哥|姐|弟|妹|老|儿|女|孩|爷|奶|姥|朋友|同)")
_LEFT_OUT = re.compile(
    r"(?:不能吃|不吃|不喝|也|还|现在|目前|平时|今年|家?住|来自|是|在|喜欢|不喜欢|爱|讨厌|对|有|养了|养着|不吃|不能吃|吃素|从小|最喜欢|特别喜欢|很喜欢"
    r"|生日是|平常|刚|老家)"
)


_JOINED = re.compile(r"(?:所以|但是?|不过|而且|平时|平常){0,6}")


def with_subject(statement: Statement) -> Iterator[Statement]:
    """The Chinese clauses that leave out the 我 of the one before them, with it: 我叫李雷，住在上海."""
    if statement.language == "en":
        return
    own = False
    for clause in clauses_of(statement.text):
        plain = simplified(clause).strip()
        joined = _JOINED.match(plain)
        bare = clause.strip()[joined.end() if joined else 0 :]
        if own and _LEFT_OUT.match(simplified(bare)):
            yield replace(statement, text=f"我{bare}")
        elif plain:
            own = _OWN.match(plain) is not None


def _of_sentence(sentence: str) -> Iterator[Statement]:
    asks = sentence.rstrip().endswith(("?", "？"))
    clauses = list(clauses_of(sentence))
    run = ""
    for place, clause in enumerate(clauses):
        plain = simplified(clause).replace("’", "'").strip(" ，,:：。.!！")
        last = place == len(clauses) - 1
        supposed = _SUPPOSED.search(plain) or _TOLD.search(plain)
        if supposed or _is_question(plain, asks and last):
            if run:
                yield Statement(run.strip(), language_of(run))
            run = ""
            if supposed:
                return
            continue
        if _PAST.search(plain):
            if run:
                yield Statement(run.strip(), language_of(run))
            run = ""
            yield Statement(clause.strip(), language_of(clause), past=True)
            continue
        run += clause
    if run.strip():
        yield Statement(run.strip(), language_of(run))


def clauses_of(sentence: str) -> Iterator[str]:
    """The clauses of a sentence, each with the comma that ends it."""
    start = 0
    for comma in _COMMA.finditer(sentence):
        if sentence[start : comma.start()].strip():
            yield sentence[start : comma.end()]
            start = comma.end()
    if sentence[start:].strip():
        yield sentence[start:]


def _is_question(plain: str, marked: bool) -> bool:
    return marked or _ASKED_ZH.search(plain) is not None or _ASKED_EN.search(plain) is not None


def _without_quotes(text: str) -> str:
    """The text without what is quoted; a name in quotes, or what is to be remembered, stays without them."""

    def bare(match: re.Match[str]) -> str:
        before = simplified(text[max(0, match.start() - 20) : match.start()])
        return match[0][1:-1] if _NAMED.search(before) and not _TOLD.search(before) else " … "

    return _QUOTED.sub(bare, text)
