from datetime import date

import pytest

from myna.memory.rules import ASKED_FOR, take

TODAY = date(2026, 3, 2)  # a Monday


def texts(utterance: str, before: str = "") -> list[str]:
    return [memory.text for memory in take(utterance, TODAY, before=before).memories]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("我叫小明", ["用户叫小明"]),
        (
            "你好，我叫李雷，今年28岁，住在上海，是一名程序员。",
            ["用户叫李雷", "用户28岁", "用户住在上海", "用户是程序员"],
        ),
        ("我不叫小明，我叫小强", ["用户叫小强"]),
        ("我家的猫叫小白", ["用户的猫叫小白"]),
        ("我养了一只狗。它叫旺财。", ["用户的狗叫旺财"]),
        ("我養了一隻貓，名字叫雪球", ["用戶的貓叫雪球"]),
        ("我对花生过敏，一吃嘴就肿。", ["用户对花生过敏"]),
        ("我對海鮮過敏", ["用戶對海鮮過敏"]),
        ("我的生日是农历八月十五", ["用户的生日是农历八月十五"]),
        ("我不喜欢香菜", ["用户不喜欢香菜"]),
        ("我很討厭下雨天", ["用戶討厭下雨天"]),
        ("香菜我是真受不了", ["用户受不了香菜"]),
        ("我来自四川成都，现在在北京工作", ["用户来自四川成都", "用户在北京工作"]),
        ("我老婆是护士", ["用户的老婆是护士"]),
        ("我最喜欢的歌手是周杰伦，你呢？", ["用户最喜欢的歌手是周杰伦"]),
        ("我下周三要去上海出差", ["用户下周三（2026-03-11）要去上海出差"]),
        ("以后别叫我老板", ["用户要求：别叫我老板"]),
        ("My name is Tom.", ["The user's name is Tom"]),
        ("my name is tom and I'm allergic to peanuts", ["The user's name is Tom", "The user is allergic to peanuts"]),
        ("hi, i'm Anna and i live in Berlin", ["The user's name is Anna", "The user lives in Berlin"]),
        ("I have a dog. His name is Rex.", ["The user's dog is called Rex"]),
        ("My cat is called Snow", ["The user's cat is called Snow"]),
        ("I don’t like mushrooms", ["The user doesn't like mushrooms"]),
        ("My birthday is on May 3rd", ["The user's birthday is May 3rd"]),
        ("I'm a nurse", ["The user is a nurse"]),
        ("I moved from Boston to Seattle in 2019", ["The user lives in Seattle"]),
        ("My wife Julia is here", ["The user's wife is called Julia"]),
        ("From now on, answer in French", ["The user asks: answer in French"]),
        ("I have a dentist appointment tomorrow", ["The user has a dentist appointment tomorrow (2026-03-03)"]),
    ],
)
def test_what_is_stated_plainly_is_taken(said: str, kept: list[str]) -> None:
    assert sorted(texts(said)) == sorted(kept)


@pytest.mark.parametrize(
    "said",
    [
        "如果我叫小红，你会喜欢吗？",
        "我朋友喜欢打篮球",
        "我喜欢喝什么？",
        "我以前喜欢喝咖啡",
        "我妈妈说我喜欢熬夜",
        "我叫什么名字",
        "我叫了一份外卖",
        "我爱你",
        "我喜欢你刚才讲的故事",
        "你叫小明，我叫小红，我们来角色扮演",
        "翻译：我叫汤姆，我住在伦敦",
        "她说“我喜欢草莓”",
        "教我用日语说我住在大阪",
        "那首歌叫啥，我来自偶然，像一颗尘土",
        "哈哈，我是超人，我住在月亮上，开玩笑的",
        "我住院了",
        "我想養一隻貓",
        "Do I like coffee?",
        "I used to like coffee",
        "my friend likes coffee",
        "If I lived in Paris, I would eat croissants",
        "Do you remember my name?",
        'She said "I love sushi"',
        "I love this song",
        "I'd like a pizza recipe",
        "Call me later",
        "I'm Happy to help",
        "Let's pretend my name is Bond",
        "Translate into French: I live in Madrid",
        "I'm allergic to your jokes",
        "I'm not allergic to nuts",
        "you be the waiter and I'm a food critic called Monsieur Dupont",
        "",
        "。。。",
        "?" * 5000,
        "我" * 5000,
    ],
)
def test_what_is_not_stated_of_oneself_in_earnest_is_left(said: str) -> None:
    assert texts(said) == []


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("记住我的车牌号是京A12345", "用户的车牌号是京A12345"),
        ("请记住，车库密码是4321", "车库密码是4321"),
        ("記住，我不吃雞肉", "用戶不吃雞肉"),
        ("Remember that my locker code is 3345", "The user's locker code is 3345"),
        ("Please remember to speak slowly", "The user asks: speak slowly"),
        ("Don't forget that my mom's birthday is June 3", "The user's mom's birthday is June 3"),
    ],
)
def test_what_is_to_be_remembered_is_kept_as_it_was_said(said: str, kept: str) -> None:
    (memory,) = take(said, TODAY).memories
    assert (memory.text, memory.confidence) == (kept, ASKED_FOR)


@pytest.mark.parametrize(
    "said",
    [
        "我不认为我对花生过敏",
        "我没说我对花生过敏",
        "我怀疑我有高血压",
        "我担心我有糖尿病",
        "医生排除了我有哮喘",
        "I'm not sure I'm allergic to nuts",
        "I doubt I'm allergic to cats",
        "I don't believe I'm diabetic",
        "Doctors ruled out that I have asthma",
        "It's not true that I like coffee",
        "I worked at Google",
        "I studied law",
        "I'm almost 30",
        "I am 30, no 31",
    ],
)
def test_what_is_denied_or_doubted_or_over_is_no_fact(said: str) -> None:
    assert texts(said) == []


def test_a_fear_is_no_doubt_and_what_lasts_is_not_over() -> None:
    assert texts("我怕狗") == ["用户怕狗"]
    assert texts("I'm afraid of dogs") == ["The user is afraid of dogs"]
    assert texts("I've worked at Google for ten years") == ["The user works at Google"]


@pytest.mark.parametrize(
    "said", ["你记住了吗", "我记住了", "别记住这个", "I remember that day", "Remember when we met?", "记住我说的话"]
)
def test_not_every_remember_is_an_order(said: str) -> None:
    assert texts(said) == []


def test_nothing_is_taken_from_an_answer_in_a_play() -> None:
    assert texts("I am allergic to bad wine", "Bonsoir, Monsieur Dupont. Any allergies?") == []


def test_what_no_rule_knows_is_left_as_claims() -> None:
    assert take("I drive an old Volvo, and my name is Tom", TODAY).left == ("I drive an old Volvo",)
    assert take("I'm tired today", TODAY).left == ()


def test_a_pasted_text_does_not_take_long() -> None:
    assert len(take("I like a, b and c, but " * 20_000, TODAY).memories) < 100


def test_pasted_code_and_quoted_lines_are_left_and_what_stands_around_them_is_taken() -> None:
    code = "Look at my program.\n```\nprint('x')\nI live in Oslo\n```\nMy name is Tom."
    assert texts(code) == ["The user's name is Tom"]
    assert texts("> I live in Oslo\nMy name is Tom.") == ["The user's name is Tom"]
    assert texts("看看这段：\n```\n我住在上海\n```\n我叫小明") == ["用户叫小明"]
