import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.personas.cards.wild import OWL_FILES, V1, V2, V3, charx, picture, png_card
from typer.testing import CliRunner, Result

from myna.cli import persona
from myna.core.errors import BadCard, BadInput, UnknownName
from myna.personas.cards.card import read_card, read_card_file
from myna.personas.model import Persona

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lamp.png").write_bytes(png_card(V2))
    (tmp_path / "owl.charx").write_bytes(charx(V3, OWL_FILES))
    (tmp_path / "juniper.json").write_text(json.dumps(V1), encoding="utf-8")
    return lambda *words: CliRunner().invoke(persona.app, words, catch_exceptions=False)


def test_a_card_is_imported_listed_shown_and_exported_as_it_was(run: Run, tmp_path: Path) -> None:
    imported = run("import", "lamp.png")
    assert imported.stdout == "a-deng\n"
    assert "regex_scripts are kept and never run" in imported.stderr
    assert "myna chat --persona a-deng" in imported.stderr
    listed = run("list").stdout.splitlines()
    assert listed[0].startswith("a-deng\t🎭 阿灯\tzh\t")
    assert any(line.endswith("built in") for line in listed)
    assert "守着海边的灯塔" in run("show", "阿灯").stdout
    run("export", "阿灯", "-o", "again.charx")
    assert read_card_file(tmp_path / "again.charx").document == V2


def test_programs_are_given_json(run: Run) -> None:
    run("import", "juniper.json", "--id", "june")
    told = json.loads(run("list", "--json").stdout)
    assert (told[0]["id"], told[0]["name"]) == ("june", "Juniper")
    assert told[0]["written_in"].endswith("june.json")
    shown = json.loads(run("show", "june", "--json").stdout)
    assert shown["examples"] == [{"user": "Is it safe here?", "assistant": "These walls are older than the storm."}]


def test_what_is_shown_is_toml_that_reads_back(run: Run) -> None:
    shown = run("show", "wukong").stdout
    assert shown.startswith("# built in\n")
    assert Persona.model_validate(tomllib.loads(shown)).name == "孙悟空"


def test_an_export_goes_to_standard_output_where_no_file_is_named(run: Run) -> None:
    assert json.loads(run("export", "wukong").stdout)["data"]["name"] == "孙悟空"
    assert read_card(run("export", "wukong", "-f", "png").stdout_bytes, "x").version == 3
    assert tomllib.loads(run("export", "wukong", "-f", "toml").stdout)["id"] == "wukong"
    run("import", "lamp.png")
    assert json.loads(run("export", "a-deng", "--card-version", "3").stdout)["spec"] == "chara_card_v3"


def test_what_an_export_leaves_behind_is_told(run: Run) -> None:
    run("import", "owl.charx")
    assert "JSON has no room for 3 files: charx has." in run("export", "brass-owl", "-o", "owl.json").stderr
    assert "room" not in run("export", "brass-owl", "-o", "owl.png").stderr


def test_an_id_that_is_taken_is_told_and_replaced_when_asked(run: Run) -> None:
    run("import", "lamp.png")
    with pytest.raises(BadInput, match="There is a persona a-deng already"):
        run("import", "lamp.png")
    assert run("import", "juniper.json", "--id", "a-deng", "--replace").stdout == "a-deng\n"
    assert "Juniper" in run("list").stdout


def test_a_new_persona_is_a_file_to_fill_in(run: Run) -> None:
    path = Path(run("new", "老海", "--language", "zh").stdout.strip())
    assert path.name == "lao-hai.toml"
    assert "lao-hai (老海) can be used." in run("check", str(path)).stdout
    with pytest.raises(BadInput, match="lao-hai already"):
        run("new", "老海")
    with pytest.raises(BadInput, match="wukong already"):
        run("new", "x", "--id", "wukong")
    with pytest.raises(BadInput, match="must be lower-case"):
        run("new", "x", "--id", "../x")


def test_check_tells_what_is_wrong_and_what_is_odd(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    checked = run("check", "lamp.png", "bad.json", "juniper.json")
    assert checked.exit_code == 2
    assert "lamp.png: lamp (阿灯) can be used.\n  Its regex_scripts" in checked.stdout
    assert "bad.json: bad.json is no JSON" in checked.stdout
    assert "juniper (Juniper) can be used." in checked.stdout


def test_check_without_files_looks_through_one_s_own(run: Run, tmp_path: Path) -> None:
    assert "no personas of your own" in run("check").stderr
    run("import", "lamp.png")
    folder = next(tmp_path.rglob("a-deng.png")).parent
    (folder / "photo.png").write_bytes(picture())
    assert run("check").exit_code == 0
    (folder / "a-deng.toml").write_text('tols = ["x"]\n')
    checked = run("check")
    assert checked.exit_code == 2
    assert "tols: there is no such field" in checked.stdout
    (folder / "a-deng.toml").write_text('tools = ["x"]\n')
    assert run("check").stdout.count("regex_scripts") == 1


def test_what_cannot_be_done_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(picture())
    with pytest.raises(BadCard, match=r"photo\.png is a picture without a card"):
        run("import", "photo.png")
    with pytest.raises(BadInput, match=r"gone\.png cannot be read"):
        run("import", "gone.png")
    with pytest.raises(UnknownName, match="no persona 'nobody'"):
        run("show", "nobody")
    with pytest.raises(BadInput, match="does not say what it is"):
        run("export", "wukong", "-o", "wukong.txt")
    with pytest.raises(BadInput, match=r"There is a file photo\.png already"):
        run("export", "wukong", "-o", "photo.png")
    with pytest.raises(BadInput, match="cannot be written"):
        run("export", "wukong", "-o", "gone/wukong.json")
