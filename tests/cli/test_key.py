import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from myna.cli import key
from myna.core.errors import UnknownName
from myna.server.keys import Keys

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(key.app, words, catch_exceptions=False)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "data" / "keys.json")


def test_create_prints_the_key_alone_so_that_a_script_can_keep_it(run: Run, keys: Keys) -> None:
    created = run("create", "--name", "robot")
    found = keys.find(created.stdout.removesuffix("\n"))
    assert found is not None
    assert found.name == "robot"
    assert "not shown again" in created.stderr
    assert created.stdout.strip() not in created.stderr


def test_list_shows_names_ids_and_times_but_no_key_and_no_hash(run: Run, keys: Keys) -> None:
    made, secret = keys.create("[red]")
    listed = run("list").stdout
    assert {"[red]", made.id, f"{made.created_at.astimezone():%Y-%m-%d}"} <= set(listed.split())
    assert secret not in listed
    assert made.sha256 not in listed


def test_list_prints_json_for_programs(run: Run, keys: Keys) -> None:
    assert json.loads(run("list", "--json").stdout) == []
    made, _ = keys.create("机器人")
    told = {"id": made.id, "name": "机器人", "user": "owner", "created_at": made.created_at.isoformat()}
    assert json.loads(run("list", "--json").stdout) == [told]


def test_list_of_nothing_says_how_to_create_one(run: Run) -> None:
    listed = run("list")
    assert listed.stdout == ""
    assert "myna key create" in listed.stderr


def test_revoke_says_what_follows_when_it_was_the_last(run: Run, keys: Keys) -> None:
    made, _ = keys.create("robot")
    keys.create("phone")
    assert "last one" not in run("revoke", made.id).stderr
    assert "last one" in run("revoke", "phone").stderr
    assert keys.all() == ()


def test_the_first_key_is_told_to_be_the_owners_and_the_next_to_be_a_user_of_its_own(run: Run, keys: Keys) -> None:
    assert "the owner's" in run("create", "--name", "mine").stderr
    told = run("create", "--name", "guest").stderr
    assert "a user of its own" in told
    assert "--user owner" in told
    assert run("create", "--name", "phone", "--user", "mine").stderr.count("the owner's") == 1
    mine, guest, phone = keys.all()
    assert (mine.user_id, guest.user_id, phone.user_id) == ("owner", guest.id, "owner")
    assert [line.split()[2] for line in run("list").stdout.splitlines()] == ["user", "owner", guest.id, "owner"]


def test_revoking_the_last_key_of_a_user_says_how_to_get_at_what_he_has(run: Run, keys: Keys) -> None:
    for name in ("mine", "guest"):
        keys.create(name)
    guest = keys.all()[1]
    assert f"--user {guest.id}" in run("revoke", "guest").stderr


def test_revoking_what_there_is_not_is_told(run: Run) -> None:
    with pytest.raises(UnknownName):
        run("revoke", "robot")
