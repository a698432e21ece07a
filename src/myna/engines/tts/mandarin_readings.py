"""Characters with several readings (多音字) whose word does not tell which: what stands around them does.

pypinyin knows the readings of 47,000 phrases. What is left are single characters between words (还我书), and words that
it does not have (长得, 重写, 弹得). `READINGS` says how these are read, by what stands around them.
"""

import re

FIRST_READINGS = {"长": "cháng,zhǎng", "佛": "fó,fú"}
"""Which reading comes first where no phrase tells, for what pypinyin has in another order."""

_ONE_OF = "一二两三四五六七八九十百几每"
_LONG = "很太多最又更挺好较么波周边时全身延加拉特专擅间路"
"""What is followed by 长 in the sense of long, however it goes on: 最长得, 波长大."""
_GROWN = (
    "得(?!多)|大|[高胖瘦壮成满草痘虫牙肉斑霉]|毛(?![狗猫兔绒衣毯])|出(?!了?一?口气)|在(?!于)|什么样|啥样|[这那]样"
    "|[这那]么[大高]|个[子头儿]|见识|知识|记性|本事|皱纹|翅膀|智齿|肌肉|蘑菇"
)
_LEADING = "(?:(?<=秘书|检察|大队|中队|小队|支队|分队|舰队|典狱|事务)|(?<=[营舰族探舍乡园区室]))"

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
        (
            f"(?<![{_LONG}])长(?={_GROWN}|了[{_ONE_OF}]?[个颗根张双对副]|长[了啦]|[我你您他她][{_ONE_OF}]+岁)",
            "zhang3",
        ),
        ("(?<=越)长(?=越[大高胖瘦壮快好美丑帅像漂])|(?<=[暴猛疯])长", "zhang3"),
        ("长(?=大[衣褂])", "chang2"),
        (f"{_LEADING}长(?![{_ONE_OF}期久远时短度夜达约宽椅桌凳廊条方])", "zhang3"),
        ("(?<![心肝肾肺脾胰内五腑])脏(?![器腑])", "zang1"),
        ("(?<=空气)炸|炸(?=[鸡薯串鱼虾酱糕排猪茄]|油条|丸子|春卷|豆腐|土豆|得金黄)", "zha2"),
        (
            "(?<![后手脚脊椅靠])背(?=着(?![我你您他她咱手人光]|大家|父母|老[公婆师板]|[爸妈])|起(?!来|诵)|上?书?包|上?行李|孩子|得动|不动)",
            "bei1",
        ),
        (f"得(?=了(?:第|冠军|[大一二三]等|[金银铜奖满高]|感冒|[{_ONE_OF}]))", "de2"),
    )
)
"""What to look for, with the character to read as its only one, and how to read it; later ones win."""

_GAINS = frozenset("获取赢难心所不只博求夺")
_HAS_TO = re.compile(
    r"(?:[我你您他她它咱们谁就还也都总又可必须这那事非]|[今明后每天]天|现在|早上|[上中下]午|晚上|周末|以后|之后|然后|回头|待会|有时|一般|通常"
    r"|一定|肯定|恐怕|可能|大概|至少|最少|起码|所以|因此|但是|不过|如果|孩子|大家|学生|老师|妈妈|爸爸)\Z"
)
_GOT = frozenset("了到过奖分第病癌的")


def reading_of_de(before: str, after: str) -> str:
    """How 得 is read: dé in 取得 and 我得了, děi in 我得走 and where a clause begins with it, else a particle.

    Args:
        before: The two characters before it, or those there are.
        after: The character after it, or none.
    """
    has_to = not before or _HAS_TO.search(before)
    if before[-1:] in _GAINS or (has_to and after in _GOT) or not (before or after):
        return "de2"
    return "dei3" if has_to and after not in ("很", "住") else "de5"  # hold得住
