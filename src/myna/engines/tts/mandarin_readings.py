"""Characters with several readings (多音字) whose word does not tell which: what stands around them does.

pypinyin knows the readings of 47,000 phrases. What is left are single characters between words (还我书), and words that
it does not have (长得, 重写, 弹得). `READINGS` says how these are read, by what stands around them.
"""

import re

_ONE_OF = "一二两三四五六七八九十百几每"

READINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), pinyin)
    for pattern, pinyin in (
        ("还(?=给|钱|书|债|款|清(?![楚晰醒洁新静])|[我你您他她咱]们?(?:$|[那这的一两几钱书债东]))", "huan2"),
        ("(?<=[没要能会该不])还(?=$|[了吗吧的])", "huan2"),
        ("弹(?=得|琴|奏|唱|钢琴|吉他|古筝|琵琶)", "tan2"),
        ("(?<=[不得])着(?=$|觉|[了吗吧呢的])", "zhao2"),
        ("(?:(?<=[睡午懒])|(?<=睡不着)|(?<=睡[着了个过好])|(?<=个好))觉(?!得)", "jiao4"),
        (f"(?<=[{_ONE_OF}])(?<!五)行(?=$|代码|文|字|数|诗|话|里|中|的|和|命令|日志|[{_ONE_OF}])", "hang2"),
        ("(?<=[这那换逐整首末空])行(?=$|代码|文|字|数|诗|话|里|中|命令|日志)", "hang2"),
        ("(?<=命令)行|(?<=代码)行|行(?=[数号首尾列]|代码)", "hang2"),
        ("(?<![平体病严沉贵加注看尊慎繁轻载净毛比举])重(?=[做写装试来启置编建连发拍考排跑组构申返温])", "chong2"),
        ("(?<=数一)数|数(?=一数|到[一二三四五六七八九十])", "shu3"),
        (f"(?<=[{_ONE_OF}这那半各])只(?![是有要能会好不想剩差需用在可为说看算因限])", "zhi1"),
        (
            "(?<=[设称名变定改记化列视换译转选评誉分])为|(?<=[值果数率度额价量约均径长宽高积])为(?=[零〇一二三四五六七八九十百两负])",
            "wei2",
        ),
        ("(?<![宗佛道督请任家执说])教(?=[我你您他她它咱书过了]|会[我你您他她]|孩子|学生|数学|英语|中文)", "jiao1"),
        ("(?<![一二两三几每这那各多某品物])种(?=[树地花菜田粮瓜豆草])", "zhong4"),
        ("(?<![语腔格单步强论色])(?:(?<!音)|(?<=声音))调(?=[大小高低亮暗到成快慢好]|音量|一下)", "tiao2"),
        ("(?<![大质数能力产测重含流容音])量(?=一下|一量|体温|血压|身高|尺寸|体重)|(?<=量一)量", "liang2"),
        ("(?<=北京)朝(?=阳)|(?<=北京市)朝(?=阳)|朝(?=阳[区门])", "chao2"),
        ("(?<![当本各外异内工陆土田草场基高山盆天大落坡实就])地(?=[说看喊笑问走跑想听写唱叫哭讲做站坐告回])", "de5"),
        (f"(?<![觉记显值懂晓])得(?=第[{_ONE_OF}]|冠军|[金银铜奖满][牌分杯])", "de2"),
        (f"得(?=了(?:第|冠军|[大一二三]等|[金银铜奖满高]|感冒|[{_ONE_OF}]))", "de2"),
    )
)
"""What to look for, with the character to read as its only one, and how to read it; later ones win."""

_GAINS = frozenset("获取赢难心所不只博求夺非")
_HAS_TO = frozenset("我你您他她它咱们谁就还也都总又可必须这那事")
_GOT = frozenset("了到过奖分第病的")


def reading_of_de(before: str, after: str) -> str:
    """How 得 is read, by the characters around it: dé in 取得 and 我得了, děi in 我得走, else a particle."""
    if before in _GAINS or (before in _HAS_TO and after in _GOT):
        return "de2"
    return "dei3" if before in _HAS_TO else "de5"
