import stat
import tomllib
from pathlib import Path

import pytest

from myna.config.edit import write_text_key
from myna.core.errors import BadConfig


def edited(path: Path, before: str, value: str = "standard") -> str:
    path.write_bytes(before.encode())
    write_text_key(path, "weights", "set", value)
    return path.read_bytes().decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "myna.toml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[weights]\nset = "standard"\n'),
        ("# mine", '# mine\n\n[weights]\nset = "standard"\n'),
        ("[llm]\ntop_p = 0.9\n", '[llm]\ntop_p = 0.9\n\n[weights]\nset = "standard"\n'),
        (
            "# mine\n[weights] # here\nidle_s = 9 # s\n[llm]\n",
            '# mine\n[weights] # here\nset = "standard"\nidle_s = 9 # s\n[llm]\n',
        ),
        ("[weights]\nset = 'starter'  # small\n", '[weights]\nset = "standard"  # small\n'),
        ('weights.set="starter"\n', 'weights.set="standard"\n'),
        ("weights.idle_s = 9\n[llm]\n", 'weights.set = "standard"\nweights.idle_s = 9\n[llm]\n'),
        (
            'weights = { idle_s = 9, set = "starter" } # all\n',
            'weights = { idle_s = 9, set = "standard" } # all\n',
        ),
        ("[llm]\r\ntop_p = 0.9\r\n", '[llm]\r\ntop_p = 0.9\r\n\r\n[weights]\r\nset = "standard"\r\n'),
        ('note = """\n[weights]\n"""\n', 'note = """\n[weights]\n"""\n\n[weights]\nset = "standard"\n'),
    ],
    ids=["empty", "comment", "other", "table", "present", "dotted", "dotted-other", "inline", "crlf", "text"],
)
def test_one_key_changes_and_nothing_else(path: Path, before: str, after: str):
    assert edited(path, before) == after


def test_a_new_file_is_made_with_its_folder_for_the_user_alone(tmp_path: Path):
    path = tmp_path / "config" / "myna.toml"
    write_text_key(path, "weights", "set", "standard")
    assert tomllib.loads(path.read_text()) == {"weights": {"set": "standard"}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_permissions_and_links_stay(path: Path, tmp_path: Path):
    real = tmp_path / "dotfiles.toml"
    path.symlink_to(real)
    real.write_text("")
    real.chmod(0o640)
    write_text_key(path, "weights", "set", "standard")
    assert path.is_symlink()
    assert "standard" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.parametrize("before", ["weights = { idle_s = 9 }\n", 'weights = "starter"\n'])
def test_where_there_is_no_plain_place_the_file_stays_and_the_user_is_told_what_to_write(path: Path, before: str):
    with pytest.raises(BadConfig) as error:
        edited(path, before)
    assert 'weights.set = "standard"' in error.value.hint
    assert path.read_text() == before


def test_a_broken_file_is_left_alone(path: Path):
    with pytest.raises(BadConfig, match="not valid TOML"):
        edited(path, "[weights\n")
    assert path.read_text() == "[weights\n"


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfig) as error:
        write_text_key(tmp_path / "file" / "myna.toml", "weights", "set", "standard")
    assert "cannot be written" in error.value.message


def test_nothing_is_left_where_writing_fails(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path.write_text("# mine\n")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BadConfig, match="No space left"):
        write_text_key(path, "weights", "set", "standard")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "# mine\n"
