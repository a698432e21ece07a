import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.personas.cards.wild import (
    OWL_FILES,
    V1,
    V2,
    V3,
    charx,
    encoded,
    picture,
    png,
    png_card,
    text_chunk,
)

from myna.core.errors import BadCard, BadInput
from myna.personas.cards.card import (
    FORMATS,
    Card,
    Format,
    as_version,
    picture_of,
    read_card,
    read_card_file,
    write_card,
)

CARDS = {"v1": V1, "v2": V2, "v3": V3}


def as_json(card: dict[str, Any]) -> bytes:
    return json.dumps(card, ensure_ascii=False).encode()


# ------------------------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_card_comes_out_of_every_form_as_it_went_in(card: dict[str, Any], form: Format) -> None:
    taken = read_card(as_json(card), "card.json")
    again = read_card(write_card(taken, form), f"card.{form}")
    assert again.document == card
    assert list(again.document) == list(card)
    assert list(again.data) == list(taken.data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
anything = st.dictionaries(st.text(min_size=1), json_values, max_size=4)
texts = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates too: programs cut emoji in two


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Cards of every version with anything in them."""
    told = {"name": draw(texts), "description": draw(texts), "extensions": draw(anything)}
    data: dict[str, Any] = {**draw(anything), **told}
    version = draw(st.sampled_from([1, 2, 3]))
    if version == 1:
        return {**data, "data": None}
    return {**draw(anything), "spec": f"chara_card_v{version}", "spec_version": f"{version}.0", "data": data}


@given(documents(), st.lists(st.sampled_from(FORMATS), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_whatever_a_card_holds_survives_any_way_through_the_forms(document: dict[str, Any], way: list[Format]) -> None:
    card = read_card(as_json_of_anything(document), "card")
    for form in way:
        card = read_card(write_card(card, form), "card")
    assert card.document == document


def as_json_of_anything(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_files_and_pictures_survive_every_way_that_has_room_for_them() -> None:
    owl = read_card(charx(V3, OWL_FILES), "owl.charx")
    for form in ("charx", "png", "charx"):
        owl = read_card(write_card(owl, form), "owl")
        assert owl.files == dict(OWL_FILES)
    lamp = read_card(png_card(V2), "lamp.png")
    assert lamp.picture is not None
    through = read_card(write_card(read_card(write_card(lamp, "charx"), "lamp"), "png"), "lamp")
    assert picture_of(through) == picture_of(lamp)
    assert through.files == {}


def test_a_path_that_a_png_has_no_room_for_is_told() -> None:
    card = Card(V3, None, {"assets/表情.png": b"x"})
    with pytest.raises(BadInput, match="no room") as told:
        write_card(card, "png")
    assert "CHARX" in told.value.hint


def test_a_card_of_version_3_can_be_read_by_programs_that_know_version_2() -> None:
    written = write_card(read_card(as_json(V3), "x"), "png")
    assert written.index(b"ccv3\0") < written.index(b"chara\0")
    older = base64.b64decode(written.split(b"chara\0")[1].split(b"IEND")[0][:-8])
    told = json.loads(older)
    assert (told["spec"], told["data"]) == ("chara_card_v2", V3["data"])


# ---------------------------------------------------------------------------------------------------------- versions


def test_version_1_becomes_2_and_3_with_all_that_it_had() -> None:
    card = read_card(as_json(V1), "x")
    second, third = as_version(card, 2), as_version(card, 3)
    assert (second.version, third.version) == (2, 3)
    assert V1.items() <= second.data.items()
    assert V1.items() <= third.data.items()
    assert second.data["alternate_greetings"] == []
    assert third.data["group_only_greetings"] == []
    assert as_version(card, 1).document == V1


def test_version_2_becomes_3_and_3_becomes_2_and_nothing_is_lost() -> None:
    third = as_version(read_card(as_json(V2), "x"), 3)
    assert set(V2["data"]) <= set(third.data)
    assert third.document["create_date"] == V2["create_date"]
    assert all("use_regex" in entry for entry in third.data["character_book"]["entries"])
    assert third.data["extensions"] == V2["data"]["extensions"]
    back = as_version(read_card(as_json(V3), "x"), 2)
    assert back.data == V3["data"]
    assert back.document["spec_version"] == "2.0"


def test_nothing_newer_fits_into_version_1() -> None:
    with pytest.raises(BadInput, match="does not fit into version 1"):
        as_version(read_card(as_json(V2), "x"), 1)


def test_a_version_that_is_newer_than_all_is_read_as_the_newest() -> None:
    assert read_card(as_json({**V3, "spec": "chara_card_v9", "spec_version": "9.1"}), "x").version == 3


# --------------------------------------------------------------------------------------------- where a card is found


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt packed"])
@pytest.mark.parametrize(("keyword", "card"), [("chara", V2), ("ccv3", V3)])
def test_a_png_has_its_card_in_any_kind_of_text(kind: str, keyword: str, card: dict[str, Any]) -> None:
    assert read_card(png_card(card, keyword, kind), "x").document == card


def test_of_two_versions_in_a_png_the_newer_counts() -> None:
    both = png(text_chunk("chara", encoded(V2)), text_chunk("ccv3", encoded(V3)))
    assert read_card(both, "x").document == V3


def test_of_two_cards_of_one_version_the_first_counts_and_that_is_told() -> None:
    card = read_card(png(text_chunk("chara", encoded(V2)), text_chunk("chara", encoded(V1))), "x")
    assert card.document == V2
    assert card.notes == ("It holds chara more than once; the first counts.",)
    same = read_card(png(text_chunk("chara", encoded(V2)), text_chunk("chara", encoded(V2))), "x")
    assert same.notes == ()


def test_a_name_that_stands_twice_in_an_object_is_told() -> None:
    card = read_card(b'{"name": "A", "description": "x", "name": "B"}', "x")
    assert card.data["name"] == "B"
    assert card.notes == ("'name' stands twice in one object; the last counts.",)


def test_a_charx_may_hide_behind_a_jpeg() -> None:
    assert read_card(picture(form="JPEG") + charx(V3), "x").document == V3


def test_a_card_in_a_file_is_read_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + as_json(V1))
    assert read_card_file(tmp_path / "a.json").document == V1
    with pytest.raises(BadCard, match=r"b\.json cannot be read: No such file"):
        read_card_file(tmp_path / "b.json")


# ---------------------------------------------------------------------------------------------------------- pictures


def test_the_picture_is_the_icon_that_the_card_brings_else_that_of_its_png() -> None:
    owl = read_card(charx(V3, OWL_FILES), "x")
    assert picture_of(owl) == picture_of(Card(V1, OWL_FILES[0][1]))
    plain = {**V3["data"], "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}]}
    assert picture_of(read_card(png_card({**V3, "data": plain}, "ccv3"), "x")) is not None
    inline = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    plain = {**plain, "assets": [{"type": "icon", "uri": inline, "name": "main"}]}
    assert picture_of(Card({**V3, "data": plain})) is not None


@pytest.mark.parametrize("uri", ["https://example.invalid/x.png", "file:///etc/passwd", "embeded://../x", "", 5])
def test_a_picture_that_the_card_does_not_bring_is_never_looked_for(uri: object) -> None:
    assets = [{"type": "icon", "uri": uri, "name": "main", "ext": "png"}, "x", None]
    assert picture_of(Card({**V3, "data": {**V3["data"], "assets": assets}})) is None


def test_a_png_keeps_its_own_picture_beside_an_icon_of_any_kind() -> None:
    red = picture()
    for icon in (b"no picture that is known", picture(20, 20)):
        asset = {"type": "icon", "name": "main", "uri": "data:image/png;base64," + base64.b64encode(icon).decode()}
        card = Card({**V3, "data": {**V3["data"], "assets": [asset]}}, red)
        assert Image.open(io.BytesIO(write_card(card, "png"))).size == (40, 60)


def test_a_card_without_a_picture_gets_one_in_a_png() -> None:
    assert picture_of(read_card(write_card(read_card(as_json(V1), "x"), "png"), "x")) is not None
