"""The rules for Chinese. Matched in simplified characters; what is made has the characters that were said. Pure."""
# ruff: noqa: E501 - patterns stay in one piece

import re
from collections.abc import Callable

from myna.memory.base import Kind
from myna.memory.clauses import Statement
from myna.memory.phrases_zh import (
    BEGIN,
    DAY,
    END,
    HERE,
    ILL,
    KIN,
    LATER,
    MUCH,
    NAME,
    NOT_LIKED,
    NOT_NAMES,
    PETS,
    STOP,
    STOPS,
    WORK,
)
from myna.memory.rule import Rule
from myna.memory.wording import user_of, without_ending


def _make(form: str, refuse: re.Pattern[str] | None = None) -> Callable[[re.Match[str], Statement], str | None]:
    """Fills a form with the groups of a match, each as it was said: ``{u}叫{name}``."""

    def make(match: re.Match[str], statement: Statement) -> str | None:
        groups = {
            key: _said(statement.text[slice(*match.span(key))], key) if match[key] else ""
            for key in match.re.groupindex
        }
        plain = {key: match[key] or "" for key in match.re.groupindex}
        if refuse and any(refuse.search(plain.get(key, "")) for key in ("name", "what", "place")):
            return None
        if any(not groups[key] for key in ("name", "what", "place", "day") if key in groups):
            return None
        text = form.format(u=user_of(statement.language), **groups)
        return _in_traditional(text) if statement.language == "zh-hant" else text

    return make


def _said(text: str, group: str) -> str:
    return without_ending(text) if group in ("name", "what", "place", "day") else text.strip()


_FORM_WORDS = {
    "的生日是": "的生日是",
    "喜欢": "喜歡",
    "对": "對",
    "过敏": "過敏",
    "来自": "來自",
    "结婚纪念日": "結婚紀念日",
    "讨厌": "討厭",
}


def _in_traditional(text: str) -> str:
    for simple, traditional in _FORM_WORDS.items():
        text = text.replace(simple, traditional)
    return text


def _rule(kind: Kind, pattern: str, form: str, refuse: re.Pattern[str] | None = None, *, lasts: bool = False) -> Rule:
    return Rule(kind, re.compile(pattern, re.IGNORECASE), _make(form, refuse), lasts)


_HOME = (
    rf"(?P<place>{STOP}{{2,20}}?)(?=$|[，,。.！!；;：:\n…了]|已经|这座|这个|附近|工作|上班|上学|读书|生活|和我|跟我)"
)

CHINESE: tuple[Rule, ...] = (
    # names
    _rule(
        "name",
        rf"{BEGIN}我(?:的?(?:名字|大名|全名|姓名|本名)?(?:就|是)?(?:叫做|叫|名叫)|的?(?:名字|大名|全名|姓名|本名)(?:就?是|：|:))(?P<alias>){NAME}",
        "{u}叫{name}",
        NOT_NAMES,
    ),
    _rule(
        "name",
        rf"{BEGIN}我(?:的)?(?P<which>英文名|小名|昵称|网名|外号|绰号|笔名|艺名|中文名|乳名)(?:字)?(?:叫做|叫|是){NAME}",
        "{u}的{which}叫{name}",
        NOT_NAMES,
    ),
    _rule(
        "name",
        rf"(?:大家|朋友们?|别人|同事们?|家里人|家人|同学们?|他们)(?:一般|平时|通常)?都?(?:叫|喊|管)我(?:叫)?{NAME}",
        "大家叫{u}{name}",
        NOT_NAMES,
    ),
    _rule(
        "name",
        rf"(?:^|[，,。！! ：:]|可以|就|请|直接|以后|开始|你)(?:叫|称呼|喊)我(?:为|做)?{NAME}",
        "{u}希望被叫做{name}",
        NOT_NAMES,
    ),
    _rule("name", rf"{BEGIN}我姓(?P<name>[\u4e00-\u9fff]{{1,2}}?){END}", "{u}姓{name}"),
    # pets and people with names
    _rule(
        "relation",
        rf"(?:我们?家?(?:里)?(?:还)?(?:有|养了?|收养了|领养了|刚买了|买了)(?:一|1|两|2|三)?(?:只|条|个|匹|头|位)?(?:[^，,。]{{0,6}}的)?)(?P<who>{PETS}|{KIN})[，, ]*(?:它|他|她)?(?:的?名字)?(?:叫做|叫|名叫|是叫|取名叫?|起名叫?){NAME}",
        "{u}的{who}叫{name}",
        NOT_NAMES,
    ),
    _rule(
        "relation",
        rf"我们?(?:家里?)?(?:的)?(?:那只|那条|这只|这条)?(?P<who>{PETS}|{KIN})(?:的名字)?(?:叫做|叫|名叫|名字叫|名字是|是叫)(?P<name>[\u4e00-\u9fff·]{{1,4}}?|[A-Za-z][A-Za-z' ]{{0,20}}){END}",
        "{u}的{who}叫{name}",
        NOT_NAMES,
    ),
    _rule(
        "relation",
        rf"我(?:给|把)我?(?:家|们家)?的?(?P<who>{PETS}|{KIN})(?:取名|起名|起了个名字|取了个名字)(?:叫做|叫|为)?{NAME}",
        "{u}的{who}叫{name}",
    ),
    _rule(
        "relation",
        rf"(?P<name>[\u4e00-\u9fffA-Za-z]{{2,6}}?)是我(?:们家?|家)?的?(?:养的)?(?P<who>{PETS}|{KIN})(?:的名字)?{END}",
        "{u}的{who}叫{name}",
        re.compile("^(?:这|那|他|她|它|谁|你|就|也|不)"),
    ),
    # dates
    _rule(
        "date",
        rf"我的?(?P<which>出生日期|阴历生日|农历生日|生日)(?:就|都)?(?:是在|是|在|：|:|)(?:每年)?的?(?P<day>{DAY})",
        "{u}的{which}是{day}",
    ),
    _rule("date", rf"(?P<day>{DAY})是我的?(?P<which>生日|出生日期){END}", "{u}的{which}是{day}"),
    _rule(
        "date",
        rf"我(?:是|出生于|生于|出生在|是在)(?P<day>{DAY}|\d{{2,4}}年)(?:出生|生)?的?{END}",
        "{u}出生于{day}",
        lasts=True,
    ),
    _rule(
        "date", rf"我们?(?:的)?(?P<which>结婚纪念日|恋爱纪念日|纪念日)(?:是|在)(?P<day>{DAY})", "{u}的{which}是{day}"
    ),
    _rule("date", rf"(?P<day>{DAY})是我们?的?(?P<which>结婚纪念日|恋爱纪念日|纪念日){END}", "{u}的{which}是{day}"),
    _rule(
        "date",
        rf"我(?:家)?的?(?P<who>{PETS}|{KIN})(?:的)?生日(?:是在|是|在)(?P<day>{DAY})",
        "{u}的{who}的生日是{day}",
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?:今年|现在|已经|刚满|刚){{0,6}}(?P<what>(?:\d{{1,3}}|[一二三四五六七八九十]{{1,3}})岁)(?:了|啦)?{END}",
        "{u}{what}",
    ),
    # health
    _rule(
        "health",
        rf"我(?P<kin>(?:家|的)?(?:{KIN}))?(?:从小就?|一直|也|可能)?对(?P<what>[^，,。！!我你他她不没]{{1,16}}?)(?:都|会|有点|有些|严重|非常|很|极度|特别){{0,6}}过敏",
        "{u}{kin}对{what}过敏",
    ),
    _rule(
        "health",
        rf"我(?:从小就?|一直|也|身体|患){{0,6}}(?:有|患有|患|得了|查出了?|确诊了?)(?P<much>严重的|轻微的|轻度|重度|慢性|先天性|季节性)?(?P<what>{ILL})",
        "{u}有{much}{what}",
    ),
    _rule(
        "health",
        rf"{BEGIN}我(?:是|一直是|是个|是一个|是一名){{0,6}}(?P<what>素食者|素食主义者|纯素食者|糖尿病人|糖尿病患者|左撇子|色盲|乳糖不耐受?症?|聋人|盲人|孕妇|过敏体质)",
        "{u}是{what}",
    ),
    _rule(
        "health",
        rf"{BEGIN}我(?P<what>乳糖不耐受?|恐高|晕车|晕船|吃素|怀孕\S{{0,6}}?|色弱|近视\S{{0,6}}?){END}",
        "{u}{what}",
    ),
    _rule(
        "health",
        rf"我(?:家|的)?(?P<who>(?:{KIN})?)(?P<what>[^，,。！!我你他她对不没会有好像说是吃了]{{1,5}})(?:严重|重度)?过敏{END}",
        "{u}{who}{what}过敏",
    ),
    _rule(
        "health",
        rf"我(?:家|的)?(?P<who>(?:{KIN})?)(?P<what>一(?:吃|喝|碰|闻|沾|坐|见|听|闻到|看到|吃到)[^，,。！!你]{{1,8}}就[^，,。！!你]{{1,10}}?){END}",
        "{u}{who}{what}",
    ),
    _rule(
        "health",
        rf"我(?:家|的)?(?P<who>(?:{KIN})?)(?:的)?(?P<what>(?:{ILL})(?:都)?(?:好多年|很多年|多年|好几年|[一二三四五六七八九十\d]+年)了?){END}",
        "{u}{who}{what}",
    ),
    _rule(
        "health",
        rf"我(?:家|的)?(?P<who>(?:{KIN})?)(?:的)?(?P<what>(?:腰|膝盖|腿脚?|胃|肠胃|心脏|血压|血糖|血脂|眼睛|耳朵|肝|肺|颈椎|睡眠|视力|听力|嗓子|关节)(?:一直|从小|有点|不太|不大|比较|特别|也|都|很|偏|做过){{0,6}}(?:不好|好|不行|高|低|差|弱|有毛病|有问题|手术|不太好)){END}",
        "{u}{who}{what}",
        re.compile("[^不太大]好$"),
    ),
    # likes and dislikes
    _rule(
        "dislike",
        rf"(?:^|[，,。！!])(?P<what>[^，,。！!我你他她这那\s]{{1,8}})我(?:是|真|实在|从来|可|最|就|一向|一直|完全|都){{0,6}}(?P<verb>不吃|吃不了|吃不惯|喝不惯|喝不了|受不了|不喜欢|不爱吃|听不惯|看不惯|不碰)(?:了|的)?{END}",
        "{u}{verb}{what}",
    ),
    _rule(
        "like",
        rf"(?:^|[，,。！!])(?P<what>[^，,。！!我你他她这那\s]{{1,8}})我(?:是|真|可|就|一向|一直|都){{0,6}}(?P<verb>最爱|最喜欢|特别喜欢|可喜欢|超喜欢|很喜欢|超爱)(?:吃|喝|看|听)?(?:了|的|啦)?{END}",
        "{u}{verb}{what}",
        re.compile("^(?:因为|所以|但|而|不过|今天)"),
    ),
    _rule("like", rf"我(?P<what>什么[^，,。]{{0,4}}都(?:喜欢|爱)[^，,。！!]{{2,16}}?){END}", "{u}{what}"),
    _rule(
        "dislike",
        rf"我{MUCH}(?P<what>(?:不太|不怎么|不是很|一点都?不|并不|完全不|从来不|从不|不再|不)(?:喜欢|爱|吃|喝|能吃|能喝|感兴趣|碰|抽烟|喝酒){STOP}{{0,30}}?){END}",
        "{u}{what}",
        re.compile(
            r"你|这|那|^不(?:吃了|喝了|能|爱你)|^不吃(?:饭|早饭|午饭|晚饭|东西|了)?$|^不(?:太|怎么)?(?:吃|喝)$|他|她|下|说|知道"
        ),
    ),
    _rule(
        "dislike",
        rf"我{MUCH}(?P<verb>讨厌|厌恶|反感|受不了|最怕|害怕|怕|恨|看不惯)(?P<what>{STOP}{{1,24}}?){END}",
        "{u}{verb}{what}",
        re.compile(r"^(?:你|这|那|他|她|它|自己|的|死|了|不|来不及|会|要|我|麻烦|今|明)"),
    ),
    _rule(
        "like",
        rf"我(?:的)?最(?:喜欢|爱|钟爱)(?:吃|喝|看|听|玩)?的(?P<of>[^，,。是]{{1,10}})(?:就|还|一直)?是(?P<what>{STOP}{{1,30}}?){END}",
        "{u}最喜欢的{of}是{what}",
        NOT_LIKED,
    ),
    _rule(
        "like",
        rf"我(?:的)?(?P<which>爱好|兴趣|兴趣爱好|偶像|拿手菜|特长)(?:就|还|主要)?(?:是|有|包括)(?P<what>{STOP}{{1,40}}?){END}",
        "{u}的{which}是{what}",
        NOT_LIKED,
    ),
    _rule(
        "like",
        rf"我{MUCH}(?P<verb>喜欢|喜爱|热爱|酷爱|偏爱|钟爱|痴迷于?|沉迷于?|迷上了?|爱上了|爱吃|爱喝|爱看|爱听|爱玩|爱(?=[\u4e00-\u9fff]{{2}})|常吃|爱打|爱逛|偏好)(?P<what>{STOP}{{1,40}}?){END}",
        "{u}{verb}{what}",
        NOT_LIKED,
    ),
    _rule(
        "like",
        r"我(?:一直|也|最近|真的|真|现在)?对(?P<what>[^，,。！!我你他她这那没不]{1,20}?)(?:很|特别|非常|比较|超|挺)?(?:感兴趣|有兴趣|着迷)",
        "{u}对{what}感兴趣",
    ),
    _rule(
        "like",
        rf"我是(?P<what>[^，,。！!你他她这那不]{{1,20}}?)(?:的)?(?P<fan>(?:铁杆|忠实|死忠|超级|资深|老)?(?:粉丝|球迷|迷|爱好者|控|发烧友)){END}",
        "{u}是{what}的{fan}",
    ),
    # places
    _rule(
        "place",
        rf"我(?:们|们家)?(?:家)?(?:现在|目前|一直|已经|刚刚|刚|最近|上个?月|去年|今年|就|家|全家|们|从[^，,。搬]{{2,8}}){{0,6}}(?P<verb>住在|住|定居在|家住|居住在|生活在|搬到了|搬到|搬去了|搬来了|搬家到了?|移居到?|定居){_HOME}",
        "{u}住在{place}",
        re.compile("^(?:院|哪|一起|不|得|过|了)|的|你"),
    ),
    _rule("place", rf"我(?:的)?家(?:现在|就)?(?:是)?在{_HOME}", "{u}住在{place}"),
    _rule("place", rf"我(?:是)?来自(?P<place>{STOP}{{2,16}}?)(?:的)?{END}", "{u}来自{place}", lasts=True),
    _rule(
        "place",
        rf"我(?:的)?(?P<which>老家|家乡|故乡|籍贯|祖籍)(?:是|在)(?:在)?(?P<place>{STOP}{{2,16}}?)(?:的)?{END}",
        "{u}的{which}是{place}",
        lasts=True,
    ),
    _rule(
        "place",
        rf"我(?:是|也是|本来是|其实是)(?:个|一个|土生土长的|地道的|地地道道的){{0,6}}(?P<place>(?!本|外|老|大|好|坏|男|女|中年|年轻|什么|一个|机器|普通|成年|这|那|内向|外向|主持|负责|当地)[\u4e00-\u9fff]{{2,5}}?)人{END}",
        "{u}是{place}人",
        lasts=True,
    ),
    _rule(
        "place",
        r"我(?:从小|小时候)?(?:就|是)?在(?P<place>[\u4e00-\u9fff]{2,8}?)(?P<how>长大|出生|土生土长)的?",
        "{u}在{place}{how}",
        lasts=True,
    ),
    _rule(
        "place",
        rf"我(?:现在|目前|一直|一个人|独自|正){{0,6}}在(?P<place>[\u4e00-\u9fffA-Za-z]{{2,14}}?)(?P<how>工作|上班|上学|读书|念书|留学|上大学|读研|读博|读大学|实习|生活|教书|当老师|当医生|(?:做|当|担任)(?:一名|一个)?{WORK})",
        "{u}在{place}{how}",
        re.compile("^(?:这|那|家|等|想|认真)"),
    ),
    _rule(
        "place",
        rf"我老家(?P<place>[\u4e00-\u9fff]{{2,6}}?)的?{END}",
        "{u}的老家是{place}",
        re.compile("^(?:是|在|的|那|有|离)"),
        lasts=True,
    ),
    _rule("place", rf"{BEGIN}我(?P<place>{HERE})人{END}", "{u}是{place}人", lasts=True),
    # work
    _rule(
        "fact",
        rf"我(?:家|们家)?(?:的)?(?P<who>(?:{KIN})?)是?(?P<what>(?:教|做|开|跑|干|搞|卖|送|修|学|画|写|管|种|养|拉|带)(?!什么|啥|得|着|过)[^，,。！!你我他她]{{1,10}})的{END}",
        "{u}{who}是{what}的",
        re.compile("这|那|对|好|错|晚|早|快|慢"),
    ),
    _rule(
        "fact", rf"{BEGIN}我(?P<what>(?:刚|已经|去年|前年|今年){{0,6}}退休(?:[^，,。]{{1,5}}年)?了?){END}", "{u}{what}"
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?:的)?(?P<which>身高|体重|血型|鞋码|星座|属相|手机号|电话号码|电话|学号|车牌号?|邮箱|微信号?|工号)(?:是|：|:)?(?P<what>[^，,。！!？?你我]{{1,24}}?){END}",
        "{u}的{which}是{what}",
        re.compile("^(?:没|丢|忘|换|坏|多少|几|不|很|太|有点)"),
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?:是)?(?P<what>属[鼠牛虎兔龙蛇马羊猴鸡狗猪]|(?:白羊|金牛|双子|巨蟹|狮子|处女|天秤|天蝎|射手|摩羯|水瓶|双鱼)座)的?{END}",
        "{u}{what}",
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?P<what>(?:最近|现在|目前|正|已经){{0,6}}(?:在|开始)?(?:减肥|健身|戒糖|戒烟|戒酒|备孕|考研|考公)(?:[^，,。！!]{{0,6}})?){END}",
        "{u}{what}",
        re.compile("你|想|吗|失败"),
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?:最近|现在|目前|刚|正){{0,6}}(?P<what>(?:正在|在|开始|在自)学(?!校|生|期|院|会)(?:习)?[^，,。！!你我]{{1,10}}?){END}",
        "{u}{what}",
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?:现在|今年|在){{0,6}}(?P<what>(?:上|读|念)?(?:大[一二三四]|高[一二三]|初[一二三]|研[一二三]|小学[一二三四五六]年级)){END}",
        "{u}{what}",
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?P<what>(?:也|一般|平时|通常|基本上?|几乎){{0,6}}(?:每天|每周|每个?周末|每个?星期|每个?礼拜|每个?月|每年|每晚|天天|经常|常年|习惯)[^，,。！!？?你我]{{2,24}}?){END}",
        "{u}{what}",
        re.compile("今天|刚|这么|都是|问题|开心|难过|累|无聊|想"),
    ),
    _rule(
        "relation",
        rf"我(?:家|们家)?(?:的)?(?P<who>{KIN})(?P<what>(?:今年|现在|刚|在|已经){{0,6}}(?:上|读|念|考上了?)[^，,。！!你我]{{0,8}}(?:小学|初中|高中|大学|幼儿园|年级|初[一二三]|高[一二三]|大[一二三四]|研究生))了?{END}",
        "{u}的{who}{what}",
    ),
    _rule(
        "relation",
        rf"我(?:家|们家)?(?:的)?(?P<who>{KIN})(?:现在|目前|一直){{0,6}}(?P<what>(?:住在?|在)[\u4e00-\u9fffA-Za-z]{{2,10}}?(?:上班|工作|上学|读书|留学|当[^，,。]{{2,6}}|住|))(?={STOPS})",
        "{u}的{who}{what}",
        re.compile("^在(?:家|吗|忙|睡|等|看|吃|做|洗|哭|笑|外面|路上|打|玩|催|叫|说|生|找|问|旁边)|你"),
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?:现在|目前|一直|也){{0,6}}是(?:一名|一个|一位|个|名|做|在读|一只|搞)?(?P<what>{WORK}){END}",
        "{u}是{what}",
    ),
    _rule(
        "fact",
        rf"我(?:的)?(?P<which>工作|职业|专业|本职工作|行业)(?:就)?是(?:一名|一个|一位|做)?(?P<what>{STOP}{{2,20}}?){END}",
        "{u}的{which}是{what}",
        re.compile("^(?:什么|很|真|不|这|那|为了|给)|你"),
    ),
    _rule(
        "fact",
        rf"{BEGIN}我(?:现在|目前|一直|在大学|大学|本科){{0,6}}(?P<verb>从事|当|学的是|读的是|主修|教)(?P<what>{STOP}{{2,14}}?){END}",
        "{u}{verb}{what}",
        re.compile("^(?:你|时|然|初|作|成|我|他|她|了|不|地|真|着|天|会|过)"),
    ),
    # family and animals without names
    _rule(
        "relation",
        rf"{BEGIN}我们?(?:家)?(?:里)?(?P<what>(?:有|养了|养着|养过?)(?:一|两|二|三|四|五|六|\d|几)(?:只|条|个|匹|对|群|位|头)[^，,。我你他]{{0,6}}?(?:{PETS}|{KIN})){END}",
        "{u}{what}",
        re.compile("养过"),
    ),
    _rule(
        "relation",
        rf"{BEGIN}我(?:的|家)?(?P<who>{KIN})(?:现在|目前|今年|也){{0,6}}是(?:一名|一个|一位|个|名)?(?P<what>{WORK}){END}",
        "{u}的{who}是{what}",
    ),
    _rule(
        "relation",
        rf"{BEGIN}我(?:的|家)?(?P<who>儿子|女儿|孩子|宝宝|弟弟|妹妹|爷爷|奶奶|爸爸|妈妈|猫|狗)(?:今年|已经|现在|刚满|刚){{0,6}}(?P<what>(?:\d{{1,3}}|[一二三四五六七八九十]{{1,3}}|半)岁半?)(?:了|啦)?{END}",
        "{u}的{who}{what}",
    ),
    _rule(
        "relation",
        rf"{BEGIN}我(?:现在|目前|已经|还是){{0,6}}(?P<what>单身|结婚(?:\S{{1,4}}年)?了|已婚|离异|离婚了|未婚|订婚了|是独生子女?|是独生女)(?:狗)?(?:了)?{END}",
        "{u}{what}",
    ),
    # plans
    _rule(
        "plan",
        rf"{BEGIN}我(?:们)?(?:和[^，,。]{{1,6}})?(?P<what>(?:打算|计划|准备|决定)?{LATER}(?:\S{{0,4}})?(?:打算|计划|准备|会|就?要|有个?|去)(?!不要|几|怎|什|多|不)[^，,。！!？?]{{2,30}}?){END}",
        "{u}{what}",
        re.compile("你|几点|提醒|吗|有空|没空|有事|有课|吃什么|下雨|再来|再聊|再说|早起|穿|闹钟"),
    ),
    _rule(
        "plan",
        rf"(?P<day>{LATER})[^，,。我]{{0,4}}我(?:们)?(?P<what>(?:打算|计划|准备|会|就?要|有个?|得)[^，,。！!？?]{{2,30}}?){END}",
        "{u}{day}{what}",
        re.compile("你|几点|提醒|吗|有空|没空|有事|有课|吃什么|再来|再聊|再说|早起|穿|闹钟"),
    ),
)
