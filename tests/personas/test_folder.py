import json
import logging
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.personas.cards.wild import OWL_FILES, V1, V2, V3, charx, picture, png_card

from myna.core.errors import BadCard, BadInput, NoRoom, UnknownName
from myna.personas.cards.card import Card, read_card
from myna.personas.exporting import avatar, export, imported
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.personas.reading import read_persona
from myna.personas.toml_text import persona_toml

MINA = 'id = "mina"\nname = "米娜"\nlanguage = "zh"\nvoice = { voice = "zf_xiaoyi" }\n'


def write_card_file(path: Path, card: dict[str, Any]) -> Path:
    path.write_bytes(png_card(card) if path.suffix == ".png" else json.dumps(card, ensure_ascii=False).encode())
    return path


def own(personas: Personas) -> list[str]:
    return [persona.id for persona in personas.all if personas.written(persona) is not None]


# ------------------------------------------------------------------------------------------------------------- files


def test_cards_of_every_kind_are_personas_as_they_are(tmp_path: Path) -> None:
    write_card_file(tmp_path / "juniper.json", V1)
    write_card_file(tmp_path / "阿灯.png", V2)
    (tmp_path / "owl.charx").write_bytes(charx(V3, OWL_FILES))
    (tmp_path / "notes.txt").write_text("nothing of ours")
    (tmp_path / ".hidden.json").write_text("{")
    personas = Personas(tmp_path)
    assert own(personas) == ["juniper", "owl", "a-deng"]
    assert [personas.find(name).id for name in ("Juniper", "阿灯", "Brass Owl")] == ["juniper", "a-deng", "owl"]


def test_a_toml_file_of_the_same_name_sets_more_on_top_of_a_card(tmp_path: Path) -> None:
    write_card_file(tmp_path / "lamp.png", V2)
    (tmp_path / "lamp.toml").write_text(
        'tools = ["get_weather"]\nvoice = { speed = 0.9 }\n[emotions]\nallowed = ["平静", "开心"]\n', encoding="utf-8"
    )
    lamp = Personas(tmp_path).find("lamp")
    assert (lamp.name, lamp.tools, lamp.voice.speed) == ("阿灯", ("get_weather",), 0.9)
    assert lamp.voice.voice == {"zf_xiaobei": 1.0}
    assert lamp.emotions.allowed == ("平静", "开心")


def test_a_toml_file_may_name_its_card_and_then_the_card_is_nobody_else(tmp_path: Path) -> None:
    write_card_file(tmp_path / "x.png", V2)
    (tmp_path / "keeper.toml").write_text('card = { file = "x.png", user = "小明", greeting = 1 }\nname = "灯姑娘"\n')
    personas = Personas(tmp_path)
    assert own(personas) == ["keeper"]
    keeper = personas.find("灯姑娘")
    assert keeper.greeting == "船长，收音机又响了。"
    assert "她管小明叫" in keeper.system_prompt
    assert read_persona(tmp_path / "keeper.toml") == keeper


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('card = "gone.png"\n', r"gone\.png cannot be read: No such file"),
        ("card = 5\n", r"card: .*valid dictionary"),
        ('card = { path = "x.png" }\n', r"card\.path: "),
        ('card = { file = "x.png", greeting = 9 }\n', "no greeting 9"),
        ('card = "x.png"\ncolour = "red"\n', r"k\.toml cannot be used: colour: there is no such field"),
        (
            'card = "x.png"\n[lorebook]\n[[lorebook.entries]]\ncontent = "x"\nkey = "y"\n',
            r"lorebook\.entries\.0\.key: .* there are name, content, keys",
        ),
    ],
)
def test_what_is_wrong_in_a_file_on_top_of_a_card_is_named(tmp_path: Path, toml: str, says: str) -> None:
    write_card_file(tmp_path / "x.png", V2)
    (tmp_path / "k.toml").write_text(toml)
    (error,) = Personas(tmp_path).wrong
    assert re.search(says, str(error))


def test_a_card_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(png_card(V2)[:-12])
    (error,) = Personas(tmp_path).wrong
    assert re.search(r"x\.png ends in the midst", str(error))


def test_pictures_and_texts_that_are_no_cards_may_lie_there_too(tmp_path: Path) -> None:
    (tmp_path / "mina.toml").write_text(MINA + 'avatar = "mina.png"\n', encoding="utf-8")
    (tmp_path / "mina.png").write_bytes(picture())
    (tmp_path / "other.png").write_bytes(picture())
    (tmp_path / "data.json").write_text("[1]")
    personas = Personas(tmp_path)
    assert own(personas) == ["mina"]
    mina = personas.find("mina")
    assert avatar(personas.written(mina)) is not None
    (tmp_path / "mina.toml").write_text('card = "other.png"\n')
    (error,) = Personas(tmp_path).wrong
    assert re.search(r"other\.png is a picture without a card", str(error))


def test_two_cards_of_one_name_are_both_named(tmp_path: Path) -> None:
    write_card_file(tmp_path / "x.png", V2)
    write_card_file(tmp_path / "x.json", V1)
    (error,) = Personas(tmp_path).wrong
    assert re.search(r"x\.json and .*x\.png have the same id, x", str(error))


# -------------------------------------------------------------------------------------------------- while it is running


def test_what_is_added_changed_or_removed_is_there_at_the_next_look(tmp_path: Path) -> None:
    personas, other = Personas(tmp_path / "later"), Personas(tmp_path / "later")
    personas.add(read_card(png_card(V2), "x"), "png")
    assert other.find("阿灯").id == "a-deng"
    path = write_card_file(tmp_path / "later" / "owl.json", V3)
    assert own(other) == ["a-deng", "owl"]
    write_card_file(path, {**V3, "data": {**V3["data"], "name": "Silver Owl"}})
    assert other.find("Silver Owl").id == "owl"
    path.unlink()
    assert own(other) == own(personas) == ["a-deng"]


def test_a_file_that_cannot_be_used_leaves_the_others_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mina.toml").write_text(MINA, encoding="utf-8")
    personas = Personas(tmp_path)
    (tmp_path / "half.png").write_bytes(png_card(V2)[:100])
    with caplog.at_level(logging.ERROR):
        assert own(personas) == ["mina"]
        assert own(personas) == ["mina"]
    assert len(caplog.records) == 1
    assert "half.png" in caplog.text
    assert personas.add(read_card(png_card(V1), "x"), "png").id == "juniper"
    write_card_file(tmp_path / "half.png", V2)
    assert own(personas) == ["half", "juniper", "mina"]


def test_files_that_stay_are_not_read_again(tmp_path: Path) -> None:
    write_card_file(tmp_path / "a.json", V1)
    personas = Personas(tmp_path)
    before = personas.find("a")
    write_card_file(tmp_path / "b.json", V2)
    assert personas.find("a") is before


def test_a_file_that_breaks_keeps_no_other_from_being_used_also_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "mina.toml").write_text(MINA, encoding="utf-8")
    (tmp_path / "half.png").write_bytes(png_card(V2)[:100])
    running = Personas(tmp_path)
    (tmp_path / "mina.toml").write_text("id = ")
    assert own(running) == ["mina"]
    assert [error.message.count("mina.toml") for error in running.wrong] == [0, 1]
    assert own(Personas(tmp_path)) == []
    with pytest.raises(UnknownName, match=r"2 of yours cannot be used; the first: .*half\.png"):
        Personas(tmp_path).find("mina")


# -------------------------------------------------------------------------------------------------- importing cards


@pytest.mark.parametrize("persona_id", ["ironman", "w-ukong"])
def test_an_id_that_would_be_taken_for_another_s_is_refused(tmp_path: Path, persona_id: str) -> None:
    for replace in (False, True):
        with pytest.raises(BadInput, match=r"would be taken for .*which there is already"):
            Personas(tmp_path).add(Card(V1), "json", persona_id, replace=replace)


def test_the_very_id_is_found_before_one_that_is_typed_like_it(tmp_path: Path) -> None:
    write_card_file(tmp_path / "ironman.json", V1)
    personas = Personas(tmp_path)
    assert [personas.find(name).name for name in ("iron-man", "ironman")] == ["钢铁侠", "Juniper"]


def test_a_card_is_replaced_where_the_file_on_top_of_it_looks_for_it(tmp_path: Path) -> None:
    personas = Personas(tmp_path)
    write_card_file(tmp_path / "foo.json", V1)
    (tmp_path / "mine.toml").write_text('id = "keeper"\ncard = "foo.json"\ntools = ["a"]\n')
    write_card_file(tmp_path / "a.png", V1)
    (tmp_path / "a.toml").write_text('id = "b"\ntools = ["a"]\n')
    assert personas.add(Card(V3), "json", "keeper", replace=True).tools == ("a",)
    assert personas.add(Card(V3), "json", "b", replace=True).tools == ("a",)
    with pytest.raises(BadInput, match=r"mine\.toml names its card, foo\.json"):
        personas.add(Card(V3), "png", "keeper", replace=True)
    assert sorted(each.name for each in tmp_path.glob("*.*") if each.name != ".lock") == [
        "a.json",
        "a.toml",
        "foo.json",
        "mine.toml",
    ]
    assert Personas(tmp_path).wrong == ()


def test_a_card_of_two_is_replaced_and_deleted_for_neither(tmp_path: Path) -> None:
    write_card_file(tmp_path / "foo.json", V1)
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text('card = "foo.json"\n')
    personas = Personas(tmp_path)
    with pytest.raises(BadInput, match=r"one\.toml names its card"):
        personas.add(Card(V3), "json", "one", replace=True)
    personas.remove("one")
    assert own(personas) == ["two"]
    assert Personas(tmp_path).wrong == ()


def test_a_card_overwrites_nothing_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture())
    with pytest.raises(BadInput, match=r"There is a file .*x\.png already"):
        Personas(tmp_path).add(Card(V1), "png", "x", replace=True)


def test_an_id_that_is_taken_is_told_and_replaced_only_when_asked(tmp_path: Path) -> None:
    personas = Personas(tmp_path)
    juniper = Card(V1)
    assert personas.add(juniper, "json").id == "juniper"
    for taken in ("juniper", "wukong"):
        with pytest.raises(BadInput, match=f"There is a persona {taken} already"):
            personas.add(juniper, "json", taken)
    lamp = personas.add(read_card(png_card(V2), "x"), "png", "juniper", replace=True)
    assert lamp.name == "阿灯"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".") == ["juniper.png"]
    assert personas.add(juniper, "json", "wukong", replace=True).name == "Juniper"
    personas.remove("wukong")
    assert personas.find("wukong").name == "孙悟空"


def test_settings_on_top_of_a_card_stay_when_it_is_replaced(tmp_path: Path) -> None:
    personas = Personas(tmp_path)
    personas.add(Card(V1), "json", "x")
    (tmp_path / "x.toml").write_text('tools = ["a"]\n')
    assert personas.add(Card(V3), "json", "x", replace=True).tools == ("a",)


def test_a_card_does_not_take_the_place_of_a_file_that_somebody_wrote(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(MINA, encoding="utf-8")
    with pytest.raises(BadInput, match=r"mina is written in m\.toml"):
        Personas(tmp_path).add(Card(V1), "json", "mina", replace=True)


@pytest.mark.parametrize("persona_id", ["../x", "A", "a b", "a/b", "."])
def test_an_id_that_is_no_slug_is_refused(tmp_path: Path, persona_id: str) -> None:
    with pytest.raises(BadInput, match="id: must be lower-case"):
        Personas(tmp_path / "p").add(Card(V1), "json", persona_id)
    assert not (tmp_path / "p").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NoRoom, match="cannot be written"):
        Personas(tmp_path / "file").add(Card(V1), "json")
    with pytest.raises(BadInput, match="no folder"):
        Personas().add(Card(V1), "json")


def test_a_card_that_could_not_be_read_again_is_not_kept(tmp_path: Path) -> None:
    numbers = b",".join([b"1e15"] * 500_000)  # 2.5 MB that become 9.5 when they are written out
    card = read_card(b'{"name": "A", "description": "x", "more": [' + numbers + b"]}", "x")
    with pytest.raises(BadCard, match=r"What would be kept is .* MB of text"):
        Personas(tmp_path).add(card, "json")
    assert list(tmp_path.iterdir()) == []


def test_only_one_s_own_can_be_removed_with_all_their_files(tmp_path: Path) -> None:
    personas = Personas(tmp_path)
    personas.add(Card(V1), "json", "x")
    (tmp_path / "x.toml").write_text('tools = ["a"]\n')
    personas.remove("x")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    for nobody in ("x", "wukong", "../x"):
        with pytest.raises(UnknownName, match="among your own"):
            personas.remove(nobody)


# ---------------------------------------------------------------------------------------------------------- exporting


def test_a_card_comes_out_as_it_went_in_and_in_the_version_that_is_asked_for(tmp_path: Path) -> None:
    personas = Personas(tmp_path)
    lamp = personas.add(imported(png_card(V2), "x"), "png")
    written = personas.written(lamp)
    for form in ("json", "png", "charx"):
        assert read_card(export(lamp, written, form), "x").document == V2
    assert read_card(export(lamp, written, "json", 3), "x").version == 3
    assert Persona.model_validate(tomllib.loads(export(lamp, written, "toml").decode())) == lamp
    with pytest.raises(BadInput, match="TOML has no versions"):
        export(lamp, written, "toml", 2)


def test_built_in_personas_and_toml_files_become_cards_with_their_picture(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(picture(700, 300, "JPEG"))
    (tmp_path / "mina.toml").write_text(MINA + 'avatar = "p.jpg"\n', encoding="utf-8")
    personas = Personas(tmp_path)
    mina, wukong = personas.find("mina"), personas.find("wukong")
    assert read_card(export(wukong, None, "png"), "x").data["name"] == "孙悟空"
    drawn = avatar(personas.written(mina))
    assert drawn is not None
    assert read_card(export(mina, personas.written(mina), "png"), "x").picture == drawn
    assert avatar(None) is None


def test_an_avatar_that_cannot_be_shown_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"not a picture")
    (tmp_path / "mina.toml").write_text(MINA + 'avatar = "p.png"\n', encoding="utf-8")
    personas = Personas(tmp_path)
    mina = personas.find("mina")
    with pytest.raises(BadCard, match=r"picture of p\.png cannot be read"):
        avatar(personas.written(mina))


@pytest.mark.parametrize("who", Personas().all, ids=lambda who: who.id)
def test_a_persona_as_toml_reads_back_as_the_same(who: Persona) -> None:
    assert Persona.model_validate(tomllib.loads(persona_toml(who))) == who


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text
)


@given(words, words, st.dictionaries(words, st.floats(0.1, 2), min_size=1, max_size=3), st.lists(words, max_size=3))
@settings(max_examples=50, deadline=None)
def test_whatever_texts_a_persona_has_its_toml_reads_back(
    name: str, prompt: str, voice: dict[str, float], tags: list[str]
) -> None:
    fields = {"name": name, "system_prompt": prompt, "voice": {"voice": voice}, "about": {"tags": tags}}
    who = Persona.model_validate({"id": "x", "language": "zh", **fields})
    assert Persona.model_validate(tomllib.loads(persona_toml(who))) == who
