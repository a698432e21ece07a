import re
from pathlib import Path

import pytest

from myna.core.errors import UnknownName
from myna.personas.load import Personas, read_persona

MINA = 'id = "mina"\nname = "米娜"\nlanguage = "zh"\nvoice = { voice = "zf_xiaoyi" }\n'


def write(folder: Path, text: str, name: str = "mina.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def why_not(folder: Path, says: str) -> str:
    """What is told of the one file in ``folder`` that cannot be used, which has to say so."""
    (error,) = Personas(folder).wrong
    assert re.search(says, str(error))
    return error.message


def test_the_built_in_personas_are_there_without_a_folder() -> None:
    ids = {persona.id for persona in Personas().all}
    assert ids == {"assistant", "assistant-zh", "harry-potter", "iron-man", "wukong"}


@pytest.mark.parametrize("name", ["wukong", "孙悟空", "🐵", "WuKong", " 孙 悟空 "])
def test_a_persona_is_found_by_id_name_and_avatar(name: str) -> None:
    assert Personas().find(name).id == "wukong"


@pytest.mark.parametrize("name", ["哈利·波特", "哈利波特", "哈利•波特", "Harry Potter", "harry_potter", "🧙‍♂️", "🧙‍♂"])
def test_a_name_is_found_however_it_is_typed(name: str) -> None:
    assert Personas().find(name).id == "harry-potter"


@pytest.mark.parametrize("name", ["gandalf", "", " ", "孙"])
def test_an_unknown_name_lists_who_there_is_and_where_one_s_own_go(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as error:
        Personas(tmp_path).find(name)
    assert repr(name) in error.value.message
    assert "wukong (孙悟空)" in error.value.message
    assert str(tmp_path) in error.value.hint


def test_a_folder_that_is_not_there_adds_nobody(tmp_path: Path) -> None:
    assert Personas(tmp_path / "none").all == Personas().all


def test_a_file_in_the_folder_adds_a_persona(tmp_path: Path) -> None:
    write(tmp_path, MINA)
    assert Personas(tmp_path).find("米娜").id == "mina"


def test_a_file_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert read_persona(write(tmp_path, "\ufeff" + MINA)).id == "mina"


def test_a_persona_of_the_user_s_replaces_the_built_in_one_with_its_id(tmp_path: Path) -> None:
    write(tmp_path, MINA.replace("mina", "wukong"))
    personas = Personas(tmp_path)
    assert personas.find("wukong").name == "米娜"
    assert [persona.id for persona in personas.all].count("wukong") == 1
    with pytest.raises(UnknownName):
        personas.find("孙悟空")


def test_a_persona_of_the_user_s_goes_first_where_names_are_the_same(tmp_path: Path) -> None:
    write(tmp_path, MINA.replace("米娜", "孙悟空"))
    assert Personas(tmp_path).find("孙悟空").id == "mina"


def test_two_files_with_one_id_are_both_named(tmp_path: Path) -> None:
    write(tmp_path, MINA, "a.toml")
    write(tmp_path, MINA, "b.toml")
    why_not(tmp_path, r"a\.toml and .*b\.toml have the same id, mina")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MINA + 'colour = "red"\n', r"colour: there is no such field; there are id, name, language"),
        (
            MINA + "[emotions]\nstyle = 1\n",
            r"emotions\.style: there is no such field; there are default, allowed, styles",
        ),
        (
            MINA + "[emotions.styles]\nHappy = { sped = 1 }\n",
            r"emotions\.styles\.Happy\.sped: .* there are voice, speed",
        ),
        (MINA + '[[examples]]\nuser = "a"\nassistant = "b"\nx = 1\n', r"examples\.0\.x: .* there are user, assistant"),
        (
            MINA + "[emotions.styles]\nHappy = { speed = 9 }\n",
            r"emotions\.styles\.Happy\.speed: .*less than or equal to 2",
        ),
        (MINA + '[emotions]\nallowed = ["开心"]\ndefault = "平静"\n', "emotions: 平静 is not among .* 开心"),
        (MINA + '[llm]\nprofile = "best"\n', r"llm\.profile: .*'fast', 'balanced' or 'quality'"),
        (MINA.replace('"mina"', '"小米"'), "id: must be lower-case ASCII"),
        ('id = "mina"\n', "name: Field required; language: Field required; voice: Field required"),
        ("id = mina\n", r"mina\.toml is not TOML"),
        (MINA + "[emotions.styles]\n开心 = { speed = 1.1 }\n", r"is not TOML.* Chinese keys"),
        ("", "id: Field required"),
    ],
)
def test_a_wrong_file_is_named_with_the_field_and_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    assert str(path) in why_not(tmp_path, says)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "mina.toml").write_bytes(MINA.encode("gbk"))
    why_not(tmp_path, r"mina\.toml is not text in UTF-8")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "mina.toml").mkdir()
    why_not(tmp_path, r"mina\.toml cannot be read")
