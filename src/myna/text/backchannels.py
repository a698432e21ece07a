"""Short utterances by which somebody who listens steers who speaks: backchannels, objections and calls to stop.

They are told by the text alone, in Chinese (simplified and traditional) and English, said once or repeated.
"""

import re

from myna.text.characters import CJK


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


_BACKCHANNELS = _words("""
嗯 嗯哼 恩 哦 噢 喔 啊 呃 额 唔 哼 哈 呵 嘿 欸 诶 哎 哇 唉 嘛 呀
对 对啊 对呀 对的 对哦 没错 是 是啊 是的 是吗 是吧 是嘛 好 好的 好啊 好吧 好呀 好嘞 行 行吧 行啊 可以 当然
这样 这样啊 这样子 原来如此 原来是这样 明白 明白了 我明白 知道 知道了 我知道 懂 懂了 我懂 了解 了解了
有道理 有意思 真的 真的吗 真的啊 真好 厉害 不错 继续 请继续 你说 您说 接着说 然后 然后呢 收到
uhhuh uhuh uh um umm hmm hm hmmm mm mmm mmhmm mmhm mhm mhmm mmkay ah aah aha ahh oh ooh ohh huh ha heh hah wow
lol yeah yea yah yep yup yes ya right ok okay k sure isee iseeisee gotit gotcha exactly true indeed cool nice great good
really ofcourse absolutely definitely goon makessense thatmakessense interesting alright allright fine iknow
thatsright thatstrue thatsgood thatsgreat fairenough understood iunderstand noworries oryeah
""")

_STOPS = _words("""
停 停下 停下来 停一下 停止 暂停 打住 别说 别说了 别讲了 别再说了 不要说了 不要讲了 不用说了 不说了 住口 闭嘴 安静 安静点
等等 等一等 等一下 等下 等会 等会儿 稍等 稍等一下 等我一下 够了 可以停了 取消
stop stopit stopthat stopnow stoptalking stopplease wait waitup waitamoment waitaminute waitasecond waitasec
holdon holdonasecond holdonasec holdup hangon hangonasecond hangonasec pause quiet bequiet shutup enough thatsenough
nevermind cancel cancelthat silence
""")

_MISHEARD = _words("""
听 挺 庭 亭 廷 停以下 听一下 听以下 挺一下 庭一下 定一下 定以下 顶一下 鼎一下 鼎以下 请以下 等以下 登一下 等一息
听懂一下 停下来一个
""")
"""What ASRs make of a short 停, 停一下 and 等一下."""

_OBJECTIONS = _words("""
不 不对 不是 不要 不行 不用 不用了 不了 不好 错 错了 不是的 什么 什么意思 为什么 为什么呢 怎么 怎么了 谁 哪个 哪里
喂 你好 对不起 不好意思 打断一下 我不懂 听不懂 没听懂 没听清 再说一遍 换一个 下一个 跳过 大声点 小声点 慢点 快点
no nope why who where when what sorry imsorry excuseme pardon hello hey help next skip louder slower again notthat
""")

_CONSENTS = _words("""
好 好的 好啊 好呀 好嘞 好吧 可以 可以的 可以啊 行 行啊 嗯 是 是的 对 对的 没问题 没错 当然 当然可以 确定 确认 同意
我同意 没問題 確定 確認 允许 去吧 做吧 发吧 来吧 就这样 就这么办 要 要的 需要 没问题的 麻烦你了 执行 开始吧
yes yeah yep yup ya sure ok okay alright right correct confirm confirmed agreed iagree iconfirm absolutely definitely
ofcourse certainly goahead doit dothat dosoplease pleasedo sendit soundsgood fine thatsfine thatsright byallmeans
yesplease uhhuh mhm
""")

_POLITE = _words("请 你 您 先 吧 了 啊 please hey no now just you can could myna 谢谢 thanks thankyou")

_SIMPLER = str.maketrans(
    "對沒錯是嗎這樣來瞭額噁閉嘴講說別稱繼續厲懂夠會兒請當當靜暫誒麼",
    "对没错是吗这样来了额恶闭嘴讲说别称继续厉懂够会儿请当当静暂诶么",
)

_CHARACTER = re.compile(f"[{CJK}]")
_WORD = re.compile(rf"[^\W{CJK}]+(?:['’]\w+)?")

_LONGEST = 60  # letters; nobody nods for longer

_LAUGHTER = re.compile(r"(?:ha|he|ho|[哈呵嘿嘻嚯]){2,}h?")
"""However long it is: of a laugh Whisper makes anything from "lol" to "Ha, ha, ha, …" over and over."""


_NODS = frozenset(_BACKCHANNELS)
_BEGINNINGS = frozenset(phrase[:end] for phrase in _BACKCHANNELS for end in range(len(phrase) + 1))
_CALLS = (*_STOPS, *_MISHEARD)
_CALLS_AND_NODS = frozenset((*_CALLS, *_BACKCHANNELS, *_POLITE))
_WANTS = frozenset(_OBJECTIONS)
_YES = frozenset((*_CONSENTS, *_words("请 你 您 吧 了 啊 please now thanks thankyou 谢谢")))
_START = frozenset([0])

_LONGEST_PHRASE = max(map(len, (*_CALLS_AND_NODS, *_WANTS)))


def _ends(said: str, phrases: frozenset[str], begins: frozenset[int] = _START) -> frozenset[int]:
    """Where rows of one or more ``phrases`` may end that begin at one of ``begins``.

    No regular expression: of "mmm" or 对啊 each repetition can be read in several ways, and it would try all of them.
    """
    ends: set[int] = set()
    for begin in range(len(said)):
        if begin in begins or begin in ends:
            last = min(begin + _LONGEST_PHRASE, len(said))
            ends.update(end for end in range(begin + 1, last + 1) if said[begin:end] in phrases)
    return frozenset(ends)


def letters(text: str) -> str:
    """What texts are compared by: no punctuation, no spaces, small letters."""
    return "".join(filter(str.isalnum, text.casefold()))


def is_backchannel(text: str) -> bool:
    """Whether ``text`` says no more than that somebody listens: 嗯, 对对对, uh-huh, I see."""
    said = _LAUGHTER.sub("ha", letters(text).translate(_SIMPLER))
    return len(said) <= _LONGEST and len(said) in _ends(said, _NODS)


def may_be_backchannel(text: str) -> bool:
    """Whether ``text``, the beginning of an utterance, may still become a backchannel: ``ye``, ``uh-h``, 原来."""
    said = _LAUGHTER.sub("ha", letters(text).translate(_SIMPLER))
    if len(said) > _LONGEST:
        return False
    return any(said[end:] in _BEGINNINGS for end in _START | _ends(said, _NODS))


def is_stop(text: str) -> bool:
    """Whether ``text`` only asks to be silent: 停, 等等, stop, oh wait please."""
    said = letters(text).translate(_SIMPLER)
    if len(said) > _LONGEST or not any(call in said for call in _CALLS):
        return False
    return len(said) in _ends(said, _CALLS_AND_NODS)


def is_objection(text: str) -> bool:
    """Whether ``text`` is short and wants the floor: 不对, 为什么, no, sorry."""
    said = letters(text).translate(_SIMPLER)
    if len(said) > _LONGEST:
        return False
    return len(said) in _ends(said, _WANTS, _START | _ends(said, _NODS))


def is_consent(text: str) -> bool:
    """Whether ``text`` is a plain yes to what was asked: 好的, 可以，去吧, yes please, go ahead."""
    said = letters(text).translate(_SIMPLER)
    if len(said) > _LONGEST or not any(consent in said for consent in _CONSENTS):
        return False
    return len(said) in _ends(said, _YES)


def is_clause(text: str) -> bool:
    """Whether ``text`` has three words or four Chinese characters, or more."""
    return len(_CHARACTER.findall(text)) + 4 * (len(_WORD.findall(text)) >= 3) >= 4
