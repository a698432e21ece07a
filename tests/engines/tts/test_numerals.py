import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.engines.tts.numerals import Numerals, open_numerals


@pytest.fixture(scope="module")
def numerals() -> Numerals:
    return open_numerals()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1280名学生", "一千二百八十名学生"),
        ("2,150万", "两千一百五十万"),
        ("1,234,567", "一百二十三万四千五百六十七"),
        ("3.1416", "三点一四一六"),
        ("-3", "负三"),
        ("1/2", "二分之一"),
        ("12.5%", "百分之十二点五"),
        ("5‰", "千分之五"),
        ("第1名", "第一名"),
        ("1st", "第一"),
        ("٣个", "三个"),
    ],
)
def test_numbers_are_spelled_out(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026年3月15日", "二零二六年三月十五日"),
        ("2026-05-08", "二零二六年五月八日"),
        ("2月2日", "二月二日"),
        ("2024.5.1", "二零二四年五月一日"),
        ("1998-2015年", "一九九八到二零一五年"),
        ("1949-1976", "一九四九到一九七六"),
        ("1990s", "一九九零年代"),
        ("下午3:45", "下午三点四十五分"),
        ("8:00-9:30", "八点到九点三十分"),
        ("0:30", "零点三十分"),
        ("2点半", "两点半"),
        ("2小时18分钟", "两小时十八分钟"),
        ("5月1日,2日", "五月一日,二日"),
    ],
)
def test_dates_and_times_are_read_as_such(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("13812345678", "幺三八,幺二三四,五六七八"),
        ("138-1234-5678", "幺三八,幺二三四,五六七八"),
        ("+86 138 1234 5678", "加八六,幺三八,幺二三四,五六七八"),
        ("400-820-8820", "四零零,八二零,八八二零"),
        ("010-62781234", "零幺零,六二七八,幺二三四"),
        (",010,62781234", ",零幺零,六二七八,幺二三四"),
        ("拨打119", "拨打幺幺九"),
        ("1103室", "幺幺零三室"),
        ("302房间", "三零二房间"),
        ("验证码是123456", "验证码是幺二三四五六"),
        ("验证码是123456.", "验证码是幺二三四五六."),
        ("密码:8864.", "密码:八八六四."),
        ("编号是20240115,谢谢", "编号是二零二四零幺幺五,谢谢"),
        ("房间101, 102, 103", "房间幺零幺, 幺零二, 幺零三"),
        ("密码是1234, 500元", "密码是幺二三四,五百元"),
        ("航班CA1234", "航班CA幺二三四"),
        ("航班CA1501.", "航班CA幺五零幺."),
        ("身份证号110101199003071234.", "身份证号幺幺零幺零幺幺九九零零三零七幺二三四."),
        ("+8613812345678", "加八六,幺三八,幺二三四,五六七八"),
        ("1080p", "幺零八零p"),
        ("192.168.1.1", "一九二点一六八点一点一"),
        ("007", "零零七"),
    ],
)
def test_what_is_told_apart_by_digits_is_read_digit_by_digit(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2个西瓜和2斤葡萄", "两个西瓜和两斤葡萄"),
        ("第2个", "第二个"),
        ("22个", "二十二个"),
        ("2.2个", "二点二个"),
        ("2年", "两年"),
        ("2年级2班", "二年级二班"),
        ("2号楼2单元", "二号楼二单元"),
        ("2万", "两万"),
        ("星期2", "星期二"),
    ],
)
def test_two_is_er_or_liang(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("¥299", "两百九十九元"),
        ("¥1.5万", "一点五万元"),
        ("¥299元", "两百九十九元"),
        ("$15", "十五美元"),
        ("$10-20", "十到二十美元"),
        ("-$5", "负五美元"),
        ("US$3", "三美元"),
        ("€20", "二十欧元"),
        ("6块8", "六块八"),
        ("50元/斤", "每斤五十元"),
        ("35km", "三十五公里"),
        ("120km/h", "每小时一百二十公里"),
        ("5kg", "五公斤"),
        ("500mAh", "五百毫安时"),
        ("220V", "两百二十伏"),
        ("粉丝10w", "粉丝十万"),
        ("3m^2", "三平方米"),
        ("16GB", "十六GB"),
        ("-5°C", "零下五度"),
        ("-5~8°C", "零下五到八度"),
        ("98.6°F", "九十八点六华氏度"),
    ],
)
def test_prices_units_and_temperatures_are_read_out(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3-5天", "三到五天"),
        ("0.5-1.5倍", "零点五到一点五倍"),
        ("10%-20%", "百分之十到百分之二十"),
        ("10-20%", "百分之十到百分之二十"),
        ("-12.5%", "负百分之十二点五"),
        ("3:1", "三比一"),
        ("以3-1获胜", "以三比一获胜"),
        ("50 %", "百分之五十"),
        ("3-1=2", "三减一等于二"),
        ("6×7", "六乘七"),
        ("6÷2", "六除以二"),
        ("1024x768", "一千零二十四乘七百六十八"),
        ("2^10", "二的十次方"),
        ("x^2", "x的平方"),
        ("10的2次方", "十的二次方"),
        ("1米75的个子", "一米七五的个子"),
        ("1米50秒", "一米五十秒"),
        ("血压120/80", "血压一百二十比八十"),
        ("血压120/80mmHg", "血压一百二十比八十,毫米汞柱"),
        ("√2≈1.4", "根号二约等于一点四"),
    ],
)
def test_ranges_ratios_and_signs_are_read_out(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GPT-4o", "GPT 四o"),
        ("A4纸", "A四纸"),
        ("5G网络", "五G网络"),
        ("iPhone 15", "iPhone 十五"),
        ("v2.5", "v二点五"),
        ("版本2.0.1", "版本二点零点一"),
        ("iOS 17.2.1更新", "iOS 十七点二点一更新"),
        ("I have 3 apples", "I have  three  apples"),
        ("C#", "C sharp"),
    ],
)
def test_names_with_numbers_keep_their_letters(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2, 3天", "两三天"),
        ("2, 3, 4天", "二,三,四天"),
        ("5, 8个", "五,八个"),
        ("第1, 2, 3名", "第一, 二,三名"),
        ("第1, 2天", "第一, 二天"),
        ("98, 95分", "九十八,九十五分"),
        ("100, 200页", "一百,两百页"),
        ("1,299.50元", "一千二百九十九点五零元"),
        ("1,299, 3,000元", "一千二百九十九,三千元"),
        ("100, 120, 150", "一百, 一百二十,一百五十"),
    ],
)
def test_the_numbers_of_a_list_stay_apart(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("一共120", "一共一百二十"),
        ("急救电话是120", "急救电话是幺二零"),
        ("请打110, 119或120", "请打幺幺零,幺幺九或幺二零"),
    ],
)
def test_numbers_of_emergency_are_those_that_are_called(numerals: Numerals, text: str, words: str) -> None:
    assert numerals.spell_out(text) == words


@given(
    st.text()
    | st.lists(st.sampled_from([*"0123456789.,:/-~%$¥°^+=() ", "年", "月", "第", "km", "A", "CA", "-5", "1/2"])).map(
        "".join
    )
)
@settings(deadline=None, max_examples=200)
def test_no_digit_is_left_whatever_stands_around_it(numerals: Numerals, text: str) -> None:
    words = numerals.spell_out(unicodedata.normalize("NFKC", text))
    assert not [char for char in words if unicodedata.decimal(char, None) is not None]


@pytest.mark.parametrize("piece", ["1", "1.", "1-", "1-1/", "$", "-", "1%-", "a1", "(010", "2 ", "^2", "还", "\x00"])
def test_long_texts_of_anything_are_read(numerals: Numerals, piece: str) -> None:
    assert numerals.spell_out(piece * 1000)
