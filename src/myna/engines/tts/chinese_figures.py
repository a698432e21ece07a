"""Figures, units and signs in Chinese text, rewritten so that what spells out numbers reads them as people do.

WeTextProcessing's grammar (wetext) does most of it; the rules here come before it, for what it reads wrongly: 第2个 as
第两个, 0.5-1.5倍 as 减, 500mAh as 米Ah, a room or a phone number in groups as quantities.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from myna.engines.tts.english import as_words

_Rule: TypeAlias = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_NAMES = str.maketrans("0123456789", "零幺二三四五六七八九")
"""As in what is told apart by its digits: one is yāo there, since yī sounds like seven."""
_YEAR = r"(?:1\d|20)\d\d"
_NUMBER = r"\d+(?:\.\d+)?"
_ALONE = r"(?<![\d.A-Za-z/:-])"  # where a number begins

_CURRENCIES = {
    "US$": "美元", "HK$": "港元", "NT$": "新台币", "$": "美元", "¥": "元", "€": "欧元", "£": "英镑", "₩": "韩元",
}  # fmt: skip
_UNITS = {
    "m^2": "平方米", "km^2": "平方公里", "cm^2": "平方厘米", "m^3": "立方米", "cm^3": "立方厘米", "kg": "公斤",
    "t": "吨", "W": "瓦", "kWh": "千瓦时", "V": "伏", "mV": "毫伏", "mA": "毫安", "mAh": "毫安时", "Ω": "欧姆",
    "Hz": "赫兹", "kHz": "千赫兹", "MHz": "兆赫兹", "GHz": "G赫兹", "Mbps": "兆每秒", "Gbps": "G每秒",
    "dB": "分贝", "Pa": "帕", "kPa": "千帕", "cal": "卡", "kcal": "千卡", "kJ": "千焦", "rpm": "转每分钟",
    "fps": "帧每秒", "mmHg": "毫米汞柱", "px": "像素", "°": "度", "°C": "度", "°F": "华氏度",
    "w": "万",  # how people write it to each other: 粉丝10w
}  # fmt: skip
_SIGNS = {
    "×": "乘", "÷": "除以", "≈": "约等于", "≠": "不等于", "≤": "小于等于", "≥": "大于等于", "±": "正负", "√": "根号",
    "∞": "无穷大", "π": "派",
}  # fmt: skip
_COUNTS = {"110": "一百一十", "119": "一百一十九", "120": "一百二十", "122": "一百二十二"}
_CALLING = re.compile("[打拨叫喊报警救灾找话]|号码")
_COUNTED = (
    "个位名只条张本件台次种天周岁倍元块毛斤克吨米升杯瓶碗盒包袋箱双对副套份家间所座栋辆架部首篇句段页道步样层排行列"
    "门节课场局轮届遍趟回下口头匹群片根支朵颗粒滴把顶人秒点时分小公千厘毫平立英万亿百"
)


def _longest_first(names: dict[str, str]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


def _digit_by_digit(found: re.Match[str]) -> str:
    return found[0].translate(_NAMES)


def _phone(found: re.Match[str]) -> str:
    """Groups with a short pause between them; 1 is yāo."""
    groups = [group for group in found.groups() if group]
    return ",".join(groups).replace("+86", "加86").translate(_NAMES)


def _years(found: re.Match[str]) -> str:
    return f"{found[1]}到{found[2]}".translate(_DIGITS)


def _range(found: re.Match[str]) -> str:
    """A range rises; what falls is a score."""
    return f"{found[1]}{'到' if float(found[1]) <= float(found[2]) else '比'}{found[2]}"


def _version(found: re.Match[str]) -> str:
    """2.0.1; only what comes first may be as long as to be read as a number."""
    first, *others = found[0].split(".")
    return "点".join((first if len(first) > 1 else first.translate(_DIGITS), "点".join(others).translate(_DIGITS)))


def _height(found: re.Match[str]) -> str:
    return found[0].replace("m", "米").translate(_DIGITS)


def _over(found: re.Match[str]) -> str:
    """What falls is no fraction: a blood pressure."""
    if int(found[1]) <= int(found[2]):
        return found[0]
    return f"{found[1]}:{found[2]}{',毫米汞柱' if found[3] else ''}"


def _count_or_call(found: re.Match[str]) -> str:
    """The grammar takes these at the end of a clause for who is called, even if nobody is."""
    called = _CALLING.search(found.string, max(found.start() - 16, 0), found.start())
    return found[0] if called else _COUNTS[found[0]]


def _about(found: re.Match[str]) -> str:
    """2、3天 is two or three, without a pause."""
    low, high = int(found[1]), int(found[2])
    return f"{found[1]}{found[2]}".replace("2", "两").translate(_DIGITS) if high == low + 1 else found[0]


def _power(found: re.Match[str]) -> str:
    return {"2": "的平方", "3": "的立方"}.get(found[1], f"的{found[1]}次方")


def _price(found: re.Match[str]) -> str:
    amount, scale = found["amount"].replace("~", "到").replace("-", "到"), found["scale"] or ""
    return f"{'负' if found['minus'] else ''}{amount}{scale}{_CURRENCIES[found['sign'].upper()]}"


def _temperature(found: re.Match[str]) -> str:
    low, high = (re.sub("^-", "零下", degrees or "") for degrees in (found["low"], found["high"]))
    return f"{low}{'到' if high else ''}{high}{_UNITS[found['unit'].upper()]}"


_RULES: tuple[_Rule, ...] = (
    (re.compile(r"(?<![\d.,+])\d{13,}(?!\d|[.,]\d)"), _digit_by_digit),  # no amount: an identity or a bank card
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(?<=\d) (?=[%‰])"), ""),
    (re.compile(r"(?<=\b[CF])#"), " sharp"),
    (re.compile(r"(?<=[A-Za-z])-(?=\d)"), " "),  # GPT-4 is not minus four
    (re.compile(rf"(?<=[A-Za-z] ){_NUMBER}(?= [a-z]{{2}})"), lambda number: as_words(number[0])),  # I have 3 apples
    # Phone numbers: mobile, 400 and 800, with an area code
    (re.compile(r"(?<![\d.])(?:(\+86)[ -]?)?(1[3-9]\d)[ -]?(\d{4})[ -]?(\d{4})(?!\d)"), _phone),
    (re.compile(r"(?<![\d.-])([48]00)-?(\d{3})-?(\d{4})(?!\d)"), _phone),
    (re.compile(r"(?<![\d.-])\(?(0\d{2,3})(?:[,)] ?|[ -])(\d{3,4})-?(\d{4})(?!\d)"), _phone),
    # Rooms, codes, flights: names made of digits
    (re.compile(r"(?<![\d.:])\d{3,4}(?=(?:号?房|室|教室|航班|次列车|路公交|路车|国道|[pP]\b))"), _digit_by_digit),
    (
        re.compile(
            r"(?<=房间|房号|码是|码为|码：|码:|编号|学号|工号|尾号|编码|账号|卡号|单号|牌号|密码|编号|邮编|口令|分机)"
            r"[:： 是为]{0,2}\d{3,}(?:, \d{3,})*(?!\d|[.,]\d|[%个位元块万])"
        ),
        _digit_by_digit,
    ),
    (re.compile(r"(?<=[^\d.A-Za-z/:+-])(?:110|119|120|122)(?=[,.!?;…\n]|\Z)(?!\.\d)"), _count_or_call),
    # Dates and times
    (re.compile(rf"{_ALONE}({_YEAR})[-~—至到]({_YEAR})(?![\d.-])"), _years),
    (re.compile(r"(\d{3}0)s\b"), r"\1年代"),
    (re.compile(r"(?<![\d:])0:([0-5]\d)(?![\d:])"), r"0点\1分"),
    (re.compile(r"(?:(?<=月)|(?<=[日号],))2(?=[日号])|(?<=第\d, )2(?![\d.])|(?<!\d)2(?=单元|次方|[楼班级号期])"), "二"),
    (re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d|\.\d)"), _version),
    # Amounts
    (
        re.compile(
            r"(?<![\d.第])(?<![\d.,] )([1-9]), ([1-9])"
            r"(?=[个天周岁元块斤次种名位只条张件杯瓶碗遍步句倍人]|年(?!级)|小时|分钟|公里)"
        ),
        _about,
    ),
    (re.compile(r"(?<![\d.])[12](?:米|m)\d\d(?![\d.:元块秒次个人分厘cm])"), _height),
    (re.compile(rf"{_ALONE}(\d{{2,3}})/(\d{{2,3}})(?![\d./])( ?mmHg)?"), _over),
    (re.compile(r"(?<=\d) ?[xX*] ?(?=\d)"), "乘"),
    (re.compile(r"(?<=[A-Za-z])\d{3,8}(?!\d|\.\d|%)"), _digit_by_digit),  # CA1234, ISO9001
    (
        re.compile(
            rf"(?P<minus>-)?(?P<sign>{_longest_first(_CURRENCIES)}) ?(?P<amount>{_NUMBER}(?:[-~]{_NUMBER})?)"
            r"(?:(?P<scale> ?(?:万亿|[亿万千百]))|(?![\d.]))(?:元|美元|块钱|块)?",
            re.IGNORECASE,
        ),
        _price,
    ),
    (
        re.compile(
            rf"{_ALONE}(?P<low>-?{_NUMBER})(?:(?: ?°[CF])?[-~—至到](?P<high>-?{_NUMBER}))? ?(?P<unit>°[CF]?)(?![A-Z])",
            re.IGNORECASE,
        ),
        _temperature,
    ),
    (re.compile(rf"{_ALONE}({_NUMBER})%?[-~—至到]({_NUMBER})%"), r"\1%到\2%"),
    (re.compile(rf"(?<![A-Za-z0-9)-])-(?={_NUMBER}%)"), "负"),
    (re.compile(rf"({_NUMBER})‰"), r"千分之\1"),
    (re.compile(r"(\d{1,6})(?:st|nd|rd|th)\b"), r"第\1"),
    (re.compile(r"\bNo\. ?(?=\d)"), "第"),
    (re.compile(rf"{_ALONE}({_NUMBER})[-~—]({_NUMBER})(?! ?[=\d.-])"), _range),
    (
        re.compile(rf"(?<=[\d亿万千百]) ?({_longest_first(_UNITS)})(?![A-Za-z0-9/^])"),
        lambda unit: _UNITS[unit[1]],
    ),
    (re.compile(r"(?<=[\w)])\^(\d{1,4})(?!\d)"), _power),
    # 二 and 两
    (re.compile(r"第2(?!\d)"), "第二"),
    (re.compile(rf"(?<![\d.A-Za-z/:月周期第零一二三四五六七八九十百-])2(?=年(?!级)|[{_COUNTED}])"), "两"),
    (re.compile(_longest_first(_SIGNS)), lambda sign: _SIGNS[sign[0]]),
)


def rewrite(text: str) -> str:
    """``text`` (NFKC) with its figures, units and signs as far in words as the grammar needs them."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
