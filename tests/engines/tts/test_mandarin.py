import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.engines.tts.kokoro_vocabulary import VOCABULARY
from myna.engines.tts.mandarin import Mandarin, open_mandarin


@pytest.fixture(scope="module")
def mandarin() -> Mandarin:
    return open_mandarin()


@pytest.mark.parametrize(
    ("hanzi", "char", "reading"),
    [
        ("银行行长", "长", "zhang3"),
        ("长城很长", "城", "cheng2"),
        ("孩子长大了", "长", "zhang3"),
        ("重庆", "重", "chong2"),
        ("重写一遍", "重", "chong2"),
        ("体重", "重", "zhong4"),
        ("朝阳区", "朝", "chao2"),
        ("参差不齐", "参", "cen1"),
        ("角色", "角", "jue2"),
        ("了如指掌", "了", "liao3"),
        ("音乐", "乐", "yue4"),
        ("快乐", "乐", "le4"),
        ("这一行数字", "行", "hang2"),
        ("一行人", "行", "xing2"),
        ("两行代码", "行", "hang2"),
        ("还没来", "还", "hai2"),
        ("还我那本书", "还", "huan2"),
        ("还钱", "还", "huan2"),
        ("弹得一手好琴", "弹", "tan2"),
        ("睡不着觉", "着", "zhao2"),
        ("睡不着觉", "觉", "jiao4"),
        ("我觉得", "觉", "jue2"),
        ("看着我", "着", "zhe5"),
        ("两只狗", "只", "zhi1"),
        ("这只是开始", "只", "zhi3"),
        ("教我唱歌", "教", "jiao1"),
        ("在教室里", "教", "jiao4"),
        ("把声音调低", "调", "tiao2"),
        ("数到十", "数", "shu3"),
        ("都来了", "都", "dou1"),
        ("首都", "都", "du1"),
        ("便宜", "便", "pian2"),
        ("出差", "差", "chai1"),
        ("哪吒", "哪", "ne2"),
        ("因为一个人", "为", "wei4"),
        ("长度为三米", "为", "wei2"),
        ("这还清楚吗", "还", "hai2"),
        ("质量一下子好了", "量", "liang4"),
        ("金木水火土五行", "行", "xing2"),
        ("睡了个好觉", "觉", "jiao4"),
        ("河很长", "长", "chang2"),
        ("多长时间", "长", "chang2"),
        ("又长又黑", "长", "chang2"),
        ("长椅", "长", "chang2"),
        ("最长", "长", "chang2"),
        ("波长大于一米", "长", "chang2"),
        ("长大衣", "长", "chang2"),
        ("长得多", "长", "chang2"),
        ("校长", "长", "zhang3"),
        ("秘书长", "长", "zhang3"),
        ("民族长期", "长", "chang2"),
        ("长得好看", "长", "zhang3"),
        ("孩子长高了", "长", "zhang3"),
        ("越长越高", "长", "zhang3"),
        ("长这么大", "长", "zhang3"),
        ("长了一颗痘", "长", "zhang3"),
        ("脏衣服", "脏", "zang1"),
        ("手脏了", "脏", "zang1"),
        ("心脏", "脏", "zang4"),
        ("五脏六腑", "脏", "zang4"),
        ("信佛的人", "佛", "fo2"),
        ("仿佛", "佛", "fu2"),
        ("吃炸鸡", "炸", "zha2"),
        ("炸薯条", "炸", "zha2"),
        ("爆炸", "炸", "zha4"),
        ("背着包", "背", "bei1"),
        ("背起书包", "背", "bei1"),
        ("背着我", "背", "bei4"),
        ("背起来", "背", "bei4"),
        ("后背着凉", "背", "bei4"),
    ],
)
def test_a_character_is_read_by_what_stands_around_it(mandarin: Mandarin, hanzi: str, char: str, reading: str) -> None:
    assert mandarin.pinyin(hanzi).split()[hanzi.index(char)] == reading


@pytest.mark.parametrize(
    ("hanzi", "reading"),
    [
        ("跑得快", "de5"),
        ("长得好看", "de5"),
        ("我得去", "dei3"),
        ("必须得去", "dei3"),
        ("得去医院", "dei3"),
        ("今天得早点睡", "dei3"),
        ("非得去", "dei3"),
        ("今天得到消息", "de2"),
        ("得了冠军", "de2"),
        ("得很", "de5"),
        ("我得了第一名", "de2"),
        ("取得成功", "de2"),
        ("考试得分", "de2"),
        ("值得", "de5"),
        ("我觉得第一个好", "de5"),
    ],
)
def test_de_is_a_particle_a_must_or_a_gain(mandarin: Mandarin, hanzi: str, reading: str) -> None:
    assert mandarin.pinyin(hanzi + "他").split()[hanzi.index("得")] == reading


@pytest.mark.parametrize("hanzi", ["慢慢地走", "高兴地说"])
def test_the_particle_di_is_de(mandarin: Mandarin, hanzi: str) -> None:
    assert mandarin.pinyin(hanzi).split()[2] == "de5"


@pytest.mark.parametrize(
    ("hanzi", "readings"),
    [
        ("你好", "ni2 hao3"),
        ("展览馆", "zhan2 lan2 guan3"),
        ("小老虎", "xiao3 lao2 hu3"),
        ("俺老孙", "an2 lao3 sun1"),
        ("不是", "bu2 shi4"),
        ("不好", "bu4 hao3"),
        ("是不是", "shi4 bu5 shi4"),
        ("一个", "yi2 ge4"),
        ("一天", "yi4 tian1"),
        ("看一看", "kan4 yi5 kan4"),
        ("第一", "di4 yi1"),
        ("一九九八年", "yi1 jiu2 jiu3 ba1 nian2"),
        ("一点一倍", "yi4 dian3 yi1 bei4"),
        ("三分之一", "san1 fen1 zhi1 yi1"),
        ("一楼", "yi1 lou2"),
    ],
)
def test_tones_change_each_other(mandarin: Mandarin, hanzi: str, readings: str) -> None:
    assert mandarin.pinyin(hanzi) == readings


@given(
    hanzi=st.text(
        st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF) | st.sampled_from("得地一不还行〇"), min_size=1
    )
)
@settings(deadline=None, max_examples=200)
def test_any_characters_give_symbols_that_the_model_knows(mandarin: Mandarin, hanzi: str) -> None:
    assert set(mandarin.phonemes(hanzi)) <= set(VOCABULARY)


@pytest.mark.parametrize("hanzi", ["得", "还", "一", "我得了", "睡不着觉", "三行"])
def test_long_texts_are_read(mandarin: Mandarin, hanzi: str) -> None:
    assert len(mandarin.pinyin(hanzi * 5000).split()) == 5000 * len(hanzi)
