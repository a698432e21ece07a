import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.weights.models import catalog, hf, model_file

from myna.core.errors import UnknownName
from myna.weights.catalog import Catalog, HubRepo, Model, ModelFile, PathSource, RegistrySource, load_catalog

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [(DOCS / name).read_text(encoding="utf-8") for name in ("models.md", "models.zh-CN.md")]


def test_the_names_that_engines_ask_for_are_there() -> None:
    names = {model.name for model in load_catalog().models}
    assert names >= {"qwen2.5-coder-0.5b-instruct", "whisper-base", "kokoro-v1.0", "silero-vad", "smart-turn-v3.2"}
    assert set(load_catalog().sets) == {"starter", "standard", "gpu"}


def test_every_starter_file_is_to_be_had_from_a_registry() -> None:
    for model in load_catalog().expand(["starter"]):
        for file in model.files:
            assert any(isinstance(source, RegistrySource) for source in file.sources), file.path


def test_hubs_come_before_registries_and_nothing_points_to_this_machine() -> None:
    for model in load_catalog().models:
        for file in model.files:
            kinds = [source.kind for source in file.sources]
            assert kinds, file.path
            assert kinds == sorted(kinds, key=["hf", "modelscope", "pypi", "npm"].index), file.path
            assert not any(isinstance(source, PathSource) for source in file.sources)


def test_the_parts_of_a_file_make_up_its_size() -> None:
    for model in load_catalog().models:
        for file in model.files:
            for source in file.sources:
                if isinstance(source, RegistrySource):
                    assert sum(part.size for part in source.parts) == file.size, file.path


def test_kokoro_has_all_english_and_chinese_voices_and_each_has_its_own_hash() -> None:
    kokoro = load_catalog().find("kokoro-v1.0")
    assert kokoro
    voices = [file for file in kokoro.files if file.path.startswith("voices/")]
    assert {file.path[len("voices/")] for file in voices} == {"a", "b", "z"}
    assert len(voices) == len({file.sha256 for file in voices}) == 36


@pytest.mark.parametrize("page", PAGES)
def test_the_page_on_models_tells_every_license_and_set(page: str) -> None:
    rows = {row[1].strip(" `"): row for line in page.splitlines() if len(row := line.split("|")) == 5}
    for model in load_catalog().models:
        assert re.split("[:：]", rows[model.name][3])[0].strip() == model.license
    for name, members in load_catalog().sets.items():
        assert all(f"`{member}`" in rows[name][2] for member in members)


def test_the_twins_show_the_same_commands_and_lead_somewhere() -> None:
    page, twin = PAGES
    for marks in (r"^```\w+\n.*?^```", r"^#+ ", r"^\d\. ", r"^- "):
        found = [re.findall(marks, each, re.MULTILINE | re.DOTALL) for each in PAGES]
        assert found[0] == found[1] != []
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page + twin):
        assert link.startswith("https://") or (DOCS / link).exists(), link


def test_a_set_means_its_models_and_a_model_named_twice_counts_once() -> None:
    (model, *others) = load_catalog().sets["starter"]
    names = [model.name for model in load_catalog().expand(["starter", model])]
    assert names == [model, *others]


def test_an_unknown_name_is_told_with_what_is_near() -> None:
    with pytest.raises(UnknownName, match="whisper-bse") as error:
        load_catalog().expand(["whisper-bse"])
    assert "whisper-base" in error.value.hint


def test_a_name_that_is_near_to_nothing_is_told_with_all_there_is() -> None:
    with pytest.raises(UnknownName) as error:
        load_catalog().expand(["zzz"])
    assert "starter" in error.value.hint
    assert "silero-vad" in error.value.hint


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a\\b", ""])
def test_a_file_cannot_lead_out_of_its_folder(path: str) -> None:
    with pytest.raises(ValidationError, match="leads out"):
        ModelFile(path=path, size=1, sha256="0" * 64)


@pytest.mark.parametrize("sha256", ["", "0" * 63, "Z" * 64])
def test_a_file_without_a_proper_hash_is_refused(sha256: str) -> None:
    with pytest.raises(ValidationError):
        ModelFile(path="x", size=1, sha256=sha256)


def test_a_set_of_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValidationError, match="nobody"):
        Catalog(models=catalog(model_file(b"x", hf())).models, sets={"all": ("tiny", "nobody")})


def test_a_name_that_is_a_set_and_a_model_is_refused() -> None:
    with pytest.raises(ValidationError, match="named twice"):
        Catalog(models=catalog(model_file(b"x", hf())).models, sets={"tiny": ("tiny",)})


@pytest.mark.parametrize("both", [True, False])
def test_a_model_is_files_or_repositories_but_not_both_or_neither(both: bool) -> None:
    files = (model_file(b"x", hf()),) if both else ()
    repos = (HubRepo(kind="hf", repo="a/b", revision="main"),) if both else ()
    with pytest.raises(ValidationError, match="needs files, or repos"):
        Model(name="x", license="MIT", about="", homepage="", files=files, repos=repos)
