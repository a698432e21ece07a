"""Changing personas field by field, in files as people write them."""

import os
import tomllib
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.personas.cards.wild import V2, picture, png_card

from myna.core.errors import BadInput, UnknownName
from myna.personas.cards.card import read_card_file
from myna.personas.editing import BadPersona, ChangedMeanwhile
from myna.personas.folder import stamp_of
from myna.personas.load import MOST_DRAFTS, Personas
from myna.personas.model import Persona
from myna.personas.toml_edit import edited

MINE = """\
# written by hand
id = "mina" # stays
name = "Mina"
language = "en"
voice = { voice = "af_heart", speed = 1.0 } # plain

[[examples]]
user = "Hi" # a first one
assistant = "[Calm] Hello."

[emotions]
# none but these
allowed = ["Calm", "Happy"]

[emotions.styles]
"Happy" = { speed = 1.1 } # quick
"""

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(-1e6, 1e6),
    lambda inside: st.lists(TEXTS, max_size=3) | st.dictionaries(TEXTS.filter(bool), inside, max_size=3),
    max_leaves=8,
)
TABLES = st.dictionaries(TEXTS.filter(bool), VALUES, max_size=4)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mina.toml").write_text(MINE, encoding="utf-8")
    return tmp_path


def text_of(folder: Path, name: str = "mina.toml") -> str:
    return (folder / name).read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------- a file


def test_one_field_is_changed_and_the_file_stays_as_it_was_written(mine: Path) -> None:
    Personas(mine).change("mina", {"name": "Nina"})
    assert text_of(mine) == MINE.replace('name = "Mina"', 'name = "Nina"')


def test_a_change_within_a_table_leaves_its_comments(mine: Path) -> None:
    voice = {"voice": {"af_heart": 1.0}, "speed": 1.2, "pitch": 0.0}
    emotions = {"default": None, "allowed": ["Calm", "Happy"], "styles": {"Happy": {"speed": 1.3}}, "aliases": {}}
    persona = Personas(mine).change("mina", {"voice": voice, "emotions": emotions})
    assert (persona.voice.speed, persona.style_for("Happy").speed) == (1.2, pytest.approx(1.56))
    assert text_of(mine) == MINE.replace("speed = 1.0", "speed = 1.2").replace("speed = 1.1", "speed = 1.3")


def test_what_is_the_same_changes_nothing(mine: Path) -> None:
    personas = Personas(mine)
    before = (mine / "mina.toml").stat().st_mtime_ns
    personas.change("mina", personas.find("mina").model_dump(mode="json"))
    assert text_of(mine) == MINE
    assert (mine / "mina.toml").stat().st_mtime_ns == before


def test_null_takes_a_field_out_and_what_is_usual_holds(mine: Path) -> None:
    persona = Personas(mine).change("mina", {"emotions": None, "greeting": None})
    assert persona.emotions == Persona.model_fields["emotions"].default
    assert "emotions" not in text_of(mine)
    with pytest.raises(BadPersona) as wrong:
        Personas(mine).change("mina", {"voice": None})
    assert wrong.value.fields == {"voice": "Field required"}


def test_macros_are_filled_when_they_are_kept(mine: Path) -> None:
    changes = {"greeting": "Hi {{user}}, I am {{char}}.", "greetings": ["<BOT>!"], "system_prompt": "{{original}} x"}
    persona = Personas(mine).change("mina", changes)
    assert persona.greeting == "Hi User, I am Mina."
    assert (persona.greetings, persona.system_prompt) == (("Mina!",), "{{original}} x")


@given(TABLES, TABLES)
@settings(max_examples=60, deadline=None)
def test_any_tables_become_any_others(before: dict[str, Any], wanted: dict[str, Any]) -> None:
    text = edited("# mine\n", before)
    assert tomllib.loads(text) == before
    assert tomllib.loads(edited(text, wanted)) == wanted


# ------------------------------------------------------------------------------------------------------ wrong values


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"voice": {"voice": "af_heart", "speed": 9}}, "voice.speed", "less than or equal to 2"),
        ({"name": ""}, "name", "at least 1 character"),
        ({"name": 5}, "name", "valid string"),
        ({"examples": [{"user": "", "assistant": "x"}]}, "examples.0.user", "at least 1"),
        ({"examples": "x"}, "examples", "valid tuple"),
        ({"emotions": {"allowed": ["Calm"], "default": "Sad"}}, "emotions", "not among the allowed"),
        ({"emotions": {"styles": {"Happy": {"loud": 1}}}}, "emotions.styles.Happy.loud", "there is no such field"),
        ({"colour": "red"}, "colour", "there is no such field"),
        ({"id": "other"}, "id", "stays as it is"),
        ({"avatar": "../../secret.png"}, "avatar", "emoji"),
        ({"avatar": "/etc/passwd"}, "avatar", "emoji"),
        ({"avatar": "~/x.png"}, "avatar", "emoji"),
        ({"greeting": "x" * 100_001}, "greeting", "may have 100,000"),
        ({"greetings": ["x"] * 201}, "greetings", "may have 200"),
        ({"emotions": {"aliases": {str(n): "Calm" for n in range(201)}}}, "emotions.aliases", "may have 200"),
        ({"language": "English"}, "language", "language code"),
        ({"llm": {"temperature": float("inf")}}, "llm.temperature", "less than or equal to 2"),
    ],
)
def test_a_wrong_value_is_told_by_field_and_nothing_is_written(
    mine: Path, changes: dict[str, Any], place: str, says: str
) -> None:
    with pytest.raises(BadPersona) as wrong:
        Personas(mine).change("mina", {"greeting": "Hi.", **changes})
    assert says in wrong.value.fields[place]
    assert text_of(mine) == MINE


def test_all_that_is_wrong_is_told_at_once(mine: Path) -> None:
    with pytest.raises(BadPersona) as wrong:
        Personas(mine).change("mina", {"name": "", "voice": {"voice": {}, "pitch": 99}})
    assert set(wrong.value.fields) == {"name", "voice.voice", "voice.pitch"}


# --------------------------------------------------------------------------------------- those that come with Myna


def test_a_built_in_one_is_replaced_by_one_s_own_and_comes_back(tmp_path: Path) -> None:
    personas = Personas(tmp_path)
    before = personas.find("wukong")
    persona = personas.change("wukong", {"greeting": "嘿！"})
    assert (persona.greeting, persona.examples, personas.find("wukong")) == ("嘿！", before.examples, persona)
    assert personas.built_in("wukong") is before
    personas.remove("wukong")
    assert personas.find("wukong") is before


def test_one_of_a_program_cannot_be_changed(tmp_path: Path) -> None:
    agent = Persona(id="agent", name="Agent", language="en", voice={"voice": "x"})  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownName):
        Personas(tmp_path, [agent]).change("agent", {"name": "x"})
    with pytest.raises(BadInput, match="no folder"):
        Personas(None).change("wukong", {"name": "x"})


# ------------------------------------------------------------------------------------------------------------- cards


def test_a_card_stays_as_it_is_and_what_is_changed_stands_on_top(tmp_path: Path) -> None:
    (tmp_path / "lamp.png").write_bytes(png_card(V2))
    before = (tmp_path / "lamp.png").read_bytes()
    personas = Personas(tmp_path)
    first = personas.find("lamp").greeting
    persona = personas.change("lamp", {"greeting": "晚上好，{{user}}。", "tools": ["get_*"], "voice": {"voice": "a"}})
    assert (persona.greeting, persona.tools, persona.voice.voice) == ("晚上好，用户。", ("get_*",), {"a": 1.0})
    assert (tmp_path / "lamp.png").read_bytes() == before
    assert tomllib.loads(text_of(tmp_path, "lamp.toml")).keys() == {"greeting", "tools", "voice"}
    back = personas.change("lamp", {"greeting": None})
    assert (back.greeting, back.tools) == (first, ("get_*",))


def test_who_the_user_is_on_top_of_a_card_fills_what_is_changed(tmp_path: Path) -> None:
    (tmp_path / "lamp.png").write_bytes(png_card(V2))
    (tmp_path / "lamp.toml").write_text('card = { user = "小明" }\n', encoding="utf-8")
    persona = Personas(tmp_path).change("lamp", {"greeting": "{{user}}！"})
    assert persona.greeting == "小明！"
    assert text_of(tmp_path, "lamp.toml").startswith('card = { user = "小明" }\n')


def test_what_a_card_says_cannot_be_taken_away_unsaid(tmp_path: Path) -> None:
    card = {**V2, "data": {**V2["data"], "extensions": {"myna": {"emotions": {"allowed": ["平静", "开心"]}}}}}
    (tmp_path / "lamp.png").write_bytes(png_card(card))
    with pytest.raises(BadPersona) as wrong:
        Personas(tmp_path).change("lamp", {"emotions": {"allowed": None}})
    assert "card below" in wrong.value.fields["emotions"]
    assert not (tmp_path / "lamp.toml").exists()


def test_a_copy_of_a_card_is_a_card_with_all_that_it_holds(tmp_path: Path) -> None:
    (tmp_path / "lamp.png").write_bytes(png_card(V2))
    personas = Personas(tmp_path)
    personas.change("lamp", {"tools": ["clock"]})
    copy = personas.create({"name": "灯二"}, personas.find("lamp"))
    assert (copy.id, copy.name, copy.tools) == ("deng-er", "灯二", ("clock",))
    assert read_card_file(tmp_path / "deng-er.png").document == V2
    assert copy.lorebook == personas.find("lamp").lorebook
    personas.remove("deng-er")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == [
        "lamp.png",
        "lamp.toml",
    ]


# ------------------------------------------------------------------------------------------------- new ones, drafts


def test_a_new_one_gets_an_id_of_its_name_that_is_free(tmp_path: Path) -> None:
    personas, fields = Personas(tmp_path), {"name": "米娜", "language": "zh", "voice": {"voice": "zf_xiaobei"}}
    assert [personas.create(fields).id for _ in range(3)] == ["mi-na", "mi-na-2", "mi-na-3"]
    for taken in ("mi-na", "wukong", "wu-kong", "../x", "a" * 500, 5):
        with pytest.raises(BadPersona) as wrong:
            personas.create({**fields, "id": taken})
        assert set(wrong.value.fields) == {"id"}
    assert not (tmp_path.parent / "x.toml").exists()


def test_a_copy_of_a_built_in_one_is_another_persona(tmp_path: Path) -> None:
    personas = Personas(tmp_path)
    copy = personas.create({"name": "六耳猕猴"}, personas.find("wukong"))
    assert copy.examples == personas.find("wukong").examples
    assert (copy.id, personas.find("wukong").name) == ("liu-er-mi-hou", "孙悟空")


def test_a_draft_can_be_found_and_is_kept_nowhere(mine: Path) -> None:
    personas = Personas(mine)
    draft = personas.draft({"greeting": "Ahoy, {{user}}!"}, personas.find("mina"))
    assert personas.find(draft.id) is draft
    assert (draft.greeting, draft.name, personas.is_draft(draft)) == ("Ahoy, User!", "Mina", True)
    assert personas.draft({"greeting": "Ahoy, {{user}}!"}, personas.find("mina")).id == draft.id
    assert draft.id not in {persona.id for persona in personas.all}
    assert text_of(mine) == MINE
    for number in range(MOST_DRAFTS):
        personas.draft({"greeting": f"{number}"}, personas.find("mina"))
    with pytest.raises(UnknownName):
        personas.find(draft.id)


# ---------------------------------------------------------------------------------------------------------- pictures


def test_a_picture_takes_the_place_of_the_one_before_which_goes(mine: Path) -> None:
    personas = Personas(mine)
    for side in (3, 4):
        persona = personas.change("mina", {}, picture=picture(side, side))
        written = personas.written(persona)
        assert written is not None
        assert written.pictured
    assert len(list((mine / "avatars").iterdir())) == 1
    assert text_of(mine).startswith(MINE.partition("\n\n")[0])
    copy = personas.create({"name": "Second"}, personas.find("mina"))
    personas.change("mina", {"avatar": "🦉"})
    assert len(list((mine / "avatars").iterdir())) == 1, "the copy has it still"
    personas.remove(copy.id)
    assert list((mine / "avatars").iterdir()) == []


# ----------------------------------------------------------------------------------------------------- several at once


def test_who_read_it_before_another_changed_it_overwrites_nothing(mine: Path) -> None:
    one, other = Personas(mine), Personas(mine)
    stamp = stamp_of(one.written(one.find("mina")))
    other.change("mina", {"greeting": "From the other."})
    with pytest.raises(ChangedMeanwhile):
        one.change("mina", {"name": "Nina"}, stamp=stamp)
    fresh = stamp_of(one.written(one.find("mina")))
    persona = one.change("mina", {"name": "Nina"}, stamp=fresh)
    assert (persona.name, persona.greeting) == ("Nina", "From the other.")
    built_in = stamp_of(None)
    one.change("wukong", {"name": "Wu"}, stamp=built_in)
    with pytest.raises(ChangedMeanwhile):
        other.change("wukong", {"name": "Kong"}, stamp=built_in)


def _dies(folder: Path) -> None:
    replace = Path.replace

    def die(self: Path, target: Path) -> Path:
        if target.suffix == ".toml":
            os._exit(9)
        return replace(self, target)

    Path.replace = die  # pyright: ignore[reportAttributeAccessIssue]
    Personas(folder).change("mina", {"name": "Half"}, picture=picture())


def test_a_crash_half_way_leaves_the_old_file_whole(mine: Path) -> None:
    process = get_context("spawn").Process(target=_dies, args=(mine,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert text_of(mine) == MINE
    personas = Personas(mine)
    assert [persona.id for persona in personas.all if personas.written(persona)] == ["mina"]
    assert personas.wrong == ()
    assert personas.change("mina", {"name": "Whole"}).name == "Whole"


def test_a_file_that_is_broken_by_now_is_left_for_its_owner(mine: Path) -> None:
    personas = Personas(mine)
    (mine / "mina.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(BadInput, match="not TOML by now"):
        personas.change("mina", {"name": "Nina"})
    assert text_of(mine) == "id = "


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "mina.toml"
    real.write_text(MINE, encoding="utf-8")
    folder = tmp_path / "personas"
    folder.mkdir()
    (folder / "mina.toml").symlink_to(real)
    Personas(folder).change("mina", {"name": "Nina"})
    assert (folder / "mina.toml").is_symlink()
    assert 'name = "Nina"' in real.read_text(encoding="utf-8")
