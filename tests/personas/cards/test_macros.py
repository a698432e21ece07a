import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.personas.cards.dialogue import read_dialogue
from myna.personas.cards.language import guess_language
from myna.personas.cards.macros import Names, unfilled

OWL = Names("Owl", "Ann")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{char}} and {{user}}", "Owl and Ann"),
        ("{{Char}} and {{ USER }}", "Owl and Ann"),
        ("<BOT>, <char> and <USER>", "Owl, Owl and Ann"),
        ("{{original}} {{ORIGINAL}}", "{{original}} {{original}}"),
        ("a{{// a note}}b{{comment: x}}c{{hidden_key:k}}", "abc"),
        ("{{newline}}{{trim}}{{noop}}", "\n"),
        ("{{reverse:abc}}", "cba"),
        ("{{time}} {{getvar::x}} {{unheard of}}", "{{time}} {{getvar::x}} {{unheard of}}"),
        ("{char} {{char} {{}} { {{user}} }", "{char} {{char} {{}} { Ann }"),
        ("{{random:{{user}}}}", "Ann"),
    ],
)
def test_macros_are_filled(text: str, filled: str) -> None:
    assert OWL.fill(text) == filled


@pytest.mark.parametrize("text", ["{{random:a,b,c}}", "{{Pick: a, b ,c}}", "{{random::a::b::c}}"])
def test_what_is_random_is_one_of_its_choices_and_the_same_each_time(text: str) -> None:
    assert OWL.fill(text) in ("a", "b", "c")
    assert len({OWL.fill(text) for _ in range(5)}) == 1


def test_a_comma_may_be_a_part_of_a_choice() -> None:
    assert OWL.fill(r"{{random:a\,b}}") == "a,b"


@pytest.mark.parametrize(("text", "sides"), [("{{roll:6}}", 6), ("{{roll:d20}}", 20), ("{{roll: 1d4}}", 4)])
def test_a_die_falls_within_its_sides(text: str, sides: int) -> None:
    assert 1 <= int(OWL.fill(text)) <= sides


def test_macros_that_are_left_are_told_once() -> None:
    assert unfilled("{{time}} {{char}} {{original}} {{time}} {{date}}") == ("{{time}}", "{{date}}")


@given(st.text("{}:charuse<>,\\", max_size=60))
def test_whatever_braces_there_are_filling_ends(text: str) -> None:
    OWL.fill(text)


# ---------------------------------------------------------------------------------------------------------- dialogue


def test_examples_are_pairs_of_what_was_said_and_its_answer() -> None:
    text = (
        "<START>\n{{user}}: Hi!\n{{char}}: Hoo.\nHoo!\n"
        "<start>\n{{user}}：晚安\n{{char}}：安。\n{{user}}: More?\n{{char}}: No."
    )
    assert read_dialogue(text, OWL).pairs == (("Hi!", "Hoo.\nHoo!"), ("晚安", "安。"), ("More?", "No."))


def test_names_do_as_well_as_macros_and_others_belong_to_what_is_said() -> None:
    told = read_dialogue("<USER>: Who?\nOwl: Me.\nNote: a clock.\nAnn: And?\n<BOT>: That is all.", OWL)
    assert told.pairs == (("Who?", "Me.\nNote: a clock."), ("And?", "That is all."))


def test_the_whole_name_speaks_for_the_character_beside_its_nickname() -> None:
    text = "User: Hi\nAlice Smith: Hello\nUser: Well?\nAl: Well."
    assert read_dialogue(text, Names.of("Al", "User", "Alice Smith")).pairs == (("Hi", "Hello"), ("Well?", "Well."))


def test_what_the_character_says_by_itself_is_kept_apart() -> None:
    told = read_dialogue("<START>\n{{char}}: Tick.\n<START>\n{{user}}: x\n{{user}}: y\n{{char}}: z", OWL)
    assert told.lines == ("Tick.",)
    assert told.pairs == (("x\ny", "z"),)


@pytest.mark.parametrize(
    "text", ["", "<START>", "no speaker at all", "{{user}}: never answered", "<START>\n{{char}}:\n"]
)
def test_what_shows_nothing_is_left_out(text: str) -> None:
    told = read_dialogue(text, OWL)
    assert (told.pairs, told.lines) == ((), ())


# ---------------------------------------------------------------------------------------------------------- language


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (("你来啦，今晚雾大，陪我数灯吧？", "A girl who keeps a lighthouse."), "zh"),
        (("{{user}}，嗯？", "灯塔守护人，安静好奇，会修收音机。"), "zh"),
        (("Come in before the wind takes you, will you please?", "山里的小屋"), "en"),
        (("こんばんは、船長。今夜は霧が深いですね。", ""), "ja"),
        (("안녕하세요 오늘 밤은 안개가 깊네요", ""), "ko"),
        (("Добрый вечер, капитан, сегодня ночью туман над морем стоит очень густой", ""), "ru"),
        (("", ""), "en"),
        (("", "猫"), "zh"),
    ],
)
def test_the_language_is_that_of_the_first_text_that_is_long_enough(texts: tuple[str, ...], language: str) -> None:
    assert guess_language(*texts) == language
