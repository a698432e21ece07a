"""``myna memory``, on a real database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from myna.cli import main, memory
from myna.core.errors import BadInput, UnknownName
from myna.memory.options import LONGEST_TEXT
from myna.server.keys import Keys

Run = Callable[..., Result]

DIARY = """
id = "diary"
name = "Diary"
language = "en"
memory_scope = "persona"

[voice]
voice = "af_sky"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.setenv("MYNA_MEMORY__VECTORS", "none")
    monkeypatch.chdir(tmp_path)
    return lambda *words, **more: CliRunner().invoke(memory.app, words, catch_exceptions=False, **more)


def add(run: Run, text: str, *words: str) -> str:
    """The id of a new memory."""
    return json.loads(run("add", text, *words, "--json").stdout)["id"]


def texts(run: Run, *words: str) -> list[str]:
    return [each["text"] for each in json.loads(run("list", *words, "--json").stdout)]


def test_what_is_added_is_listed_found_said_otherwise_pinned_and_forgotten(run: Run) -> None:
    cat, tea = add(run, "用户的猫叫小白"), add(run, "[red]Likes tea[/red]")
    assert run("list").stdout.splitlines() == [f"{tea} [red]Likes tea[/red]", f"{cat} 用户的猫叫小白"]
    assert run("search", "小白", "--limit", "1").stdout == f"{cat} 用户的猫叫小白\n"
    assert run("edit", tea, "Likes coffee").stdout == f"{tea} Likes coffee\n"
    assert run("pin", cat).stdout == f"{cat} 用户的猫叫小白  # pinned\n"
    assert run("pin", cat, "--off").stdout == f"{cat} 用户的猫叫小白\n"
    assert "Forgotten: 1" in run("forget", tea, "--yes").stderr
    assert texts(run) == ["用户的猫叫小白"]


def test_programs_are_told_what_the_server_tells_them(run: Run) -> None:
    told = json.loads(run("add", "Allergic to peanuts", "--kind", "health", "--pin", "--json").stdout)
    assert (told["text"], told["kind"], told["pinned"], told["persona"]) == (
        "Allergic to peanuts",
        "health",
        True,
        None,
    )
    assert json.loads(run("list", "--json").stdout) == [told]
    (found,) = json.loads(run("search", "peanuts", "--json").stdout)
    assert 0 < found.pop("fit") <= 1
    assert found == told
    assert [each["change"] for each in json.loads(run("audit", "--json").stdout)] == ["pinned", "added"]
    assert json.loads(run("forget", told["id"], "--yes", "--json").stdout) == {"forgotten": 1}
    assert json.loads(run("list", "--json").stdout) == []


def test_the_trail_tells_that_something_was_forgotten_and_not_what(run: Run) -> None:
    memory_id = add(run, "Was born on 3 May")
    run("forget", memory_id, "--yes")
    trail = run("audit").stdout
    assert [line.split()[2] for line in trail.splitlines()] == ["forgotten", "added"]
    assert memory_id in trail
    assert "May" not in trail


def test_a_long_list_says_how_to_go_on(run: Run) -> None:
    ids = [add(run, f"Fact {number}") for number in range(3)]
    listed = run("list", "--limit", "2")
    assert listed.stdout.splitlines() == [f"{ids[2]} Fact 2", f"{ids[1]} Fact 1"]
    after = listed.stderr.partition("myna memory list --after ")[2].strip()
    run("forget", ids[1], "--yes")
    last = run("list", "--after", after)
    assert (last.stdout, last.stderr) == (f"{ids[0]} Fact 0\n", "")


@pytest.mark.parametrize("command", [["list"], ["search", "tea"], ["audit"]])
def test_a_limit_that_no_database_knows_is_refused(run: Run, command: list[str]) -> None:
    refused = run(*command, "--limit", str(1 << 63))
    assert refused.exit_code == 2
    assert "10000" in refused.stderr


def test_nothing_remembered_says_how_to_begin(run: Run) -> None:
    listed = run("list")
    assert listed.stdout == run("search", "tea").stdout == run("audit").stdout == ""
    assert "myna memory add" in listed.stderr


def test_nothing_that_is_shown_commands_the_terminal(run: Run) -> None:
    text = "Likes \x1b]0;pwned\x07 tea \x9b31m"
    memory_id = add(run, text)
    assert texts(run) == [text]
    told = run("add", "x\x9b", "--json")
    for shown in (
        run("list"),
        run("list", "--json"),
        run("search", "tea"),
        run("audit"),
        run("forget", memory_id, input="n\n"),
        run("pin", memory_id),
        told,
    ):
        assert shown.output
        assert not {"\x1b", "\x07", "\x9b"} & set(shown.output)


# ---------------------------------------------------------------------------------------------------------- to forget


def test_before_something_is_forgotten_it_is_shown_and_asked_for(run: Run) -> None:
    tea, cat = add(run, "Likes tea"), add(run, "Has a cat")
    asked = run("forget", tea, cat, input="n\n")
    assert asked.exit_code == 1
    assert "Likes tea\nHas a cat\n" in asked.stderr
    assert "these 2" in asked.stderr
    assert len(texts(run)) == 2
    assert run("forget", tea, input="y\n").exit_code == 0
    assert texts(run) == ["Has a cat"]


def test_where_nobody_can_answer_nothing_is_forgotten(run: Run) -> None:
    add(run, "Likes tea")
    assert run("forget", "--all", input="").exit_code == 1
    assert texts(run) == ["Likes tea"]


def test_all_is_what_every_persona_knows_of_this_user_and_of_no_other(run: Run, tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "diary.toml").write_text(DIARY)
    keys = Keys(tmp_path / "data" / "keys.json")
    keys.create("mine")
    keys.create("guest")
    add(run, "Likes tea")
    add(run, "Is afraid of spiders", "--persona", "diary")
    add(run, "Likes coffee", "--user", "guest")
    assert texts(run) == ["Likes tea"]
    assert texts(run, "-p", "diary") == ["Is afraid of spiders"]
    assert "Forgotten: 2" in run("forget", "--all", "--yes").stderr
    assert texts(run) == texts(run, "-p", "diary") == []
    assert texts(run, "--user", "guest") == ["Likes coffee"]
    assert texts(run, "--user", "mine") == []


def test_what_a_persona_that_is_gone_remembered_can_be_seen_and_forgotten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    file = tmp_path / "personas" / "diary.toml"
    file.write_text(DIARY)
    memory_id = add(run, "Is afraid of spiders", "-p", "diary")
    file.unlink()
    assert texts(run) == []
    assert texts(run, "-p", "diary") == ["Is afraid of spiders"]
    assert run("forget", memory_id, "-p", "diary", "--yes").exit_code == 0
    with pytest.raises(UnknownName):
        run("list", "-p", "diary")


def test_what_to_forget_has_to_be_said_in_one_way(run: Run) -> None:
    memory_id = add(run, "Likes tea")
    for words in ((), (memory_id, "--all"), ("--all", "--persona", "wukong")):
        with pytest.raises(BadInput):
            run("forget", *words, "--yes")
    assert texts(run) == ["Likes tea"]


def test_of_several_all_are_forgotten_or_none(run: Run) -> None:
    memory_id = add(run, "Likes tea")
    for words in (("--yes",), ()):
        with pytest.raises(UnknownName):
            run("forget", memory_id, "mem_0", *words, input="y\n")
    assert texts(run) == ["Likes tea"]


def test_what_was_forgotten_is_in_no_file(run: Run, tmp_path: Path) -> None:
    memory_id = add(run, "Was born in Wolfenbüttel")
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert any(b"Wolfenb" in file.read_bytes() for file in files)
    run("forget", memory_id, "--yes")
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert all(b"Wolfenb" not in file.read_bytes() for file in files)


# ---------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("add", ""), BadInput),
        (("add", "长" * (LONGEST_TEXT + 1)), BadInput),
        (("add", "x", "--kind", "secret"), BadInput),
        (("add", "x", "--user", "nobody"), UnknownName),
        (("add", "x", "--persona", "nobody"), UnknownName),
        (("search", " "), BadInput),
        (("edit", "mem_0", "x"), UnknownName),
        (("pin", "mem_0"), UnknownName),
        (("forget", "mem_0", "--yes"), UnknownName),
    ],
)
def test_what_cannot_be_is_told_with_what_can(run: Run, words: tuple[str, ...], kind: type[BadInput]) -> None:
    with pytest.raises(kind) as error:
        run(*words)
    assert error.value.hint


def test_where_memory_is_off_what_is_kept_can_still_be_seen_and_forgotten(run: Run, tmp_path: Path) -> None:
    memory_id = add(run, "Likes tea")
    (tmp_path / "myna.toml").write_text("[memory]\nenabled = false\n")
    listed = run("list")
    assert "Likes tea" in listed.stdout
    assert "switched off" in listed.stderr
    assert run("forget", memory_id, "--yes").exit_code == 0


def test_the_commands_are_those_of_the_program(run: Run, tmp_path: Path) -> None:
    del run  # the environment is its
    helped: Any = CliRunner().invoke(main.app, ["memory", "--help"])
    for command in ("add", "list", "search", "edit", "pin", "forget", "audit"):
        assert f" {command} " in helped.stdout
    assert not (tmp_path / "data").exists()
