"""``GET /``: the web app, here a built one of a few files."""

import gzip
import os
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.server.serving import serving

from myna.server import errors, web_page
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

SCRIPT = "talk();\n" * 500


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "web_app"
    for name, content in {
        "index.html": '<!doctype html><script type="module" src="./assets/index-1234.js"></script>',
        "manifest.webmanifest": '{"name": "Myna"}',
        "sources.sha256": "1234",
        "assets/index-1234.js": SCRIPT,
        "assets/index-1234.css": "p { margin: 0 }",
        "icons/myna.svg": "<svg/>",
        "icons/myna.png": "no text",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def client_of(folder: Path) -> TestClient:
    app = FastAPI()
    errors.install(app)
    app.include_router(web_page.router_of(folder))
    return TestClient(app)


@pytest.fixture
def client(built: Path) -> TestClient:
    return client_of(built)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/assets/index-1234.js", "text/javascript; charset=utf-8"),
        ("/assets/index-1234.css", "text/css; charset=utf-8"),
        ("/icons/myna.svg", "image/svg+xml"),
        ("/icons/myna.png", "image/png"),
    ],
)
def test_each_file_says_what_it_is_and_what_it_may_do(client: TestClient, path: str, media_type: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert {name: answer.headers[name] for name in web_page.HEADERS} == web_page.HEADERS
    head = client.head(path)
    assert (head.status_code, head.headers) == (200, answer.headers)


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_text_become_code() -> None:
    allowed = dict(part.split(" ", 1) for part in web_page.POLICY.split("; "))
    assert allowed.pop("default-src") == "'none'"
    assert set(" ".join(allowed.values()).split()) == {"'self'", "'none'", "'script'", "blob:"}
    assert [what for what, sources in allowed.items() if "blob:" in sources] == ["img-src"]
    assert allowed["script-src"] == allowed["style-src"] == "'self'"


def test_the_page_is_asked_for_again_and_what_has_its_digest_in_its_name_is_kept(client: TestClient) -> None:
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert client.get("/icons/myna.svg").headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/assets/index-1234.js").headers["cache-control"]


@pytest.mark.parametrize("known", ["{tag}", '"other", {tag}'])
def test_what_the_browser_has_already_is_not_sent_again(client: TestClient, known: str) -> None:
    tag = client.get("/").headers["etag"]
    answer = client.get("/", headers={"If-None-Match": known.format(tag=tag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


def test_a_new_build_is_served_at_once(client: TestClient, built: Path) -> None:
    before = client.get("/")
    index = built / "index.html"
    index.write_text("<!doctype html>new")
    os.utime(index, ns=(0, 0))  # whatever the clock of the file system can tell apart
    after = client.get("/", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.text) == (200, "<!doctype html>new")


def test_text_is_compressed_for_who_can_read_that(client: TestClient) -> None:
    answer = client.get("/assets/index-1234.js", headers={"Accept-Encoding": "gzip"})
    assert answer.text == SCRIPT
    assert int(answer.headers["content-length"]) == len(gzip.compress(SCRIPT.encode(), mtime=0)) < len(SCRIPT) / 10
    plain = client.get("/assets/index-1234.js", headers={"Accept-Encoding": "identity"})
    assert (plain.text, int(plain.headers["content-length"])) == (SCRIPT, len(SCRIPT))
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in client.get("/icons/myna.svg", headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/",
        "/assets/%2e%2e",
        "/assets/%2e%2e%2findex.html",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e%5cindex.html",
        "/assets/index-1234.js%00",
        "/icons/%2e%2e/%2e%2e/secret.txt",
        "/sources.sha256",
        "/index.html",
        "/favicon.ico",
        "/etc/passwd",
    ],
)
def test_everything_else_is_unknown_as_always(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


def test_nothing_is_written_to_it(client: TestClient) -> None:
    assert client.post("/").status_code == 405


def test_where_it_was_not_built_the_page_says_how_until_it_is(tmp_path: Path, built: Path) -> None:
    client = client_of(tmp_path / "later")
    answer = client.get("/")
    assert (answer.status_code, answer.headers["content-security-policy"]) == (503, web_page.POLICY)
    assert "make web" in answer.text
    assert client.get("/manifest.webmanifest").status_code == client.get("/assets/x.js").status_code == 404
    built.rename(tmp_path / "later")
    assert client.get("/").status_code == 200


@pytest.mark.anyio
async def test_with_a_key_the_page_needs_none_and_what_it_asks_for_does(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create()
    async with serving(ScriptedLLM(), weights, rules=Rules(keys)) as client:
        page = await client.get("/")
        assert page.headers["content-security-policy"] == web_page.POLICY
        for path in ("/api/personas", "/v1/models", "/api/conversations", "/docs"):
            assert (await client.get(path)).status_code == 401
            answer = await client.get(path, headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == 200


@pytest.mark.anyio
async def test_the_page_takes_no_path_from_the_api(weights: Weights) -> None:
    async with serving(ScriptedLLM(), weights) as client:
        for method, path, status in (("GET", "/llm", 405), ("GET", "/none", 404), ("POST", "/none", 404)):
            answer: httpx.Response = await client.request(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert "/" not in (await client.get("/openapi.json")).json()["paths"]
