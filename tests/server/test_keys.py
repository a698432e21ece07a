import json
import os
import stat
import threading
from pathlib import Path

import pytest

from myna.core.errors import BadConfig, BadInput, NoRoom, UnknownName
from myna.server.keys import MOST_KEYS, Key, Keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.json"


def test_a_key_is_found_by_what_was_shown_once(path: Path) -> None:
    keys = Keys(path)
    key, secret = keys.create("robot")
    assert keys.find(secret) == key
    assert key.name == "robot"
    assert secret.startswith("myna-")
    assert keys.find(secret[:-1]) is None
    assert keys.find("") is None
    assert keys.find("🔑\udcff".encode("utf-8", "surrogateescape").decode("latin-1")) is None


def test_no_key_is_like_another(path: Path) -> None:
    keys = Keys(path)
    made = [keys.create() for _ in range(20)]
    assert len({secret for _, secret in made}) == len({key.id for key, _ in made}) == 20
    assert all(key.name == key.id for key, _ in made)


def test_the_key_itself_is_nowhere_on_disk_and_the_file_is_its_owners(path: Path) -> None:
    _, secret = Keys(path).create()
    assert all(secret.removeprefix("myna-").encode() not in file.read_bytes() for file in path.parent.iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_another_process_sees_at_once_what_was_created_and_revoked(path: Path) -> None:
    server, command = Keys(path), Keys(path)
    assert server.all() == ()
    key, secret = command.create("robot")
    assert server.find(secret) == key
    assert command.revoke("robot") == key
    assert server.find(secret) is None
    assert server.all() == ()


def test_nothing_is_read_again_while_nothing_changes(path: Path) -> None:
    keys = Keys(path)
    keys.create()
    assert keys.all() is keys.all()


def test_a_key_is_revoked_by_its_id_too(path: Path) -> None:
    keys = Keys(path)
    key, _ = keys.create("robot")
    other, _ = keys.create("phone")
    keys.revoke(key.id)
    assert keys.all() == (other,)


def test_revoking_what_there_is_not_names_what_there_is(path: Path) -> None:
    keys = Keys(path)
    keys.create("robot")
    with pytest.raises(UnknownName, match="There is no key phone") as error:
        keys.revoke("phone")
    assert "robot" in error.value.hint


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "new\nline", "\x1b[31m"])
def test_what_is_no_name_is_refused(path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="visible characters"):
        Keys(path).create(name)


def test_a_name_that_is_taken_is_refused_and_so_is_anothers_id(path: Path) -> None:
    keys = Keys(path)
    key, _ = keys.create("robot")
    for name in ("robot", " robot ", key.id):
        with pytest.raises(BadInput, match="already"):
            keys.create(name)


def test_there_is_an_end_to_the_keys(path: Path) -> None:
    path.parent.mkdir()
    key = {"sha256": "0" * 64, "created_at": "2026-01-01T00:00:00Z"}
    path.write_text(json.dumps({"keys": [key | {"id": str(i), "name": f"n{i}"} for i in range(MOST_KEYS)]}))
    with pytest.raises(BadInput, match="keys already"):
        Keys(path).create()


def test_keys_created_at_the_same_time_are_all_kept(path: Path) -> None:
    made: list[tuple[Key, str]] = []
    threads = [threading.Thread(target=lambda: made.append(Keys(path).create())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = Keys(path)
    assert len(made) == len(keys.all()) == 8
    assert all(keys.find(secret) == key for key, secret in made)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"keys": [{"id": "a"}]}', "\x00"])
def test_a_damaged_file_is_an_error_and_no_open_door(path: Path, content: str) -> None:
    keys = Keys(path)
    keys.create()
    path.write_text(content)
    for use in (keys.all, keys.create, lambda: keys.find("x"), lambda: keys.revoke("x")):
        with pytest.raises(BadConfig, match="cannot be read"):
            use()
    assert path.read_text() == content


def test_a_write_that_fails_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(path)
    kept, _ = keys.create()

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    for failing, name in ((Path, "replace"), (os, "fsync")):
        with monkeypatch.context() as patch:
            patch.setattr(failing, name, fail)
            with pytest.raises(NoRoom, match="Permission denied"):
                keys.create()
        assert not list(path.parent.glob(".keys-*"))
    assert keys.all() == (kept,)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders of other systems have no such modes")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(NoRoom, match="cannot be written"):
        Keys(tmp_path / "data" / "keys.json").create()


# --------------------------------------------------------------------------------------------------------------- users


def test_the_first_key_is_the_owners_and_every_other_a_user_of_its_own(path: Path) -> None:
    keys = Keys(path)
    made = [keys.create(name)[0] for name in ("mine", "robot", "guest")]
    assert [key.user_id for key in made] == ["owner", made[1].id, made[2].id]
    assert [key.user_id for key in Keys(path).all()] == [key.user_id for key in made]


def test_who_has_no_key_left_is_not_followed_by_a_stranger(path: Path) -> None:
    keys = Keys(path)
    keys.create("mine")
    keys.create("guest")
    keys.revoke("mine")
    later, _ = keys.create("later")
    assert later.user_id == later.id
    assert keys.create("again", user="owner")[0].user_id == "owner"


def test_a_user_may_have_several_keys(path: Path) -> None:
    keys = Keys(path)
    keys.create("mine")
    robot, _ = keys.create("robot")
    assert {keys.create(user=named)[0].user_id for named in ("robot", robot.id)} == {robot.id}
    assert keys.create(user="mine")[0].user_id == "owner"


def test_what_a_revoked_key_had_can_be_had_with_its_id(path: Path) -> None:
    keys = Keys(path)
    keys.create("mine")
    robot, _ = keys.create("robot")
    keys.revoke("robot")
    assert keys.user(robot.id) == robot.id
    assert keys.create("robot", user=robot.id)[0].user_id == robot.id


@pytest.mark.parametrize("named", ["robto", "", "OWNER", "1234567", "../owner"])
def test_a_user_that_there_is_not_is_refused_with_those_that_there_are(path: Path, named: str) -> None:
    keys = Keys(path)
    keys.create("mine")
    keys.create("robot")
    with pytest.raises(UnknownName) as error:
        keys.create(user=named)
    assert "owner, robot" in error.value.hint
    assert len(keys.all()) == 2


def test_no_key_is_called_owner(path: Path) -> None:
    with pytest.raises(BadInput):
        Keys(path).create(" owner ")


def test_a_file_from_before_there_were_users_is_read(path: Path) -> None:
    key, _ = Keys(path).create("robot")
    told = json.loads(path.read_text())
    del told["keys"][0]["user"]
    path.write_text(json.dumps(told))
    (read,) = Keys(path).all()
    assert read.user_id == key.id
