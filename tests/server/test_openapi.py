"""Schemathesis asks for everything that the OpenAPI description allows, and for much that it does not."""
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false
# Schemathesis leaves its decorators and responses untyped.

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error  # pyright: ignore[reportUnknownVariableType]
from tests.server.serving import choice, serving_engines

from myna.config.load import load_settings
from myna.engines.opening import Choice
from myna.engines.plugins import Kind
from myna.server.app import create_app
from myna.server.service import Service
from myna.testing.asr import ScriptedASR
from myna.testing.embed import ScriptedEmbedder
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.weights.locate import Weights


def no_service() -> AbstractAsyncContextManager[Service]:
    raise AssertionError("only the description of the app is wanted")


described = schemathesis.openapi.from_dict(create_app(no_service).openapi())


@pytest.fixture(scope="module")
def url(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("home")
    loaded = load_settings(cwd=folder, environ={"MYNA_HOME": str(folder)})
    engines: dict[Kind, Choice] = {
        "llm": choice(ScriptedLLM("[Happy] Yes.")),
        "asr": choice(ScriptedASR("Hello.")),
        "tts": choice(ScriptedTTS()),
        "embed": choice(ScriptedEmbedder()),
    }
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serving_engines(weights, engines, loaded=loaded)) as clients,
    ):
        yield str(clients.http.base_url)


@described.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_no_request_makes_the_server_fail(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(url, checks=[not_a_server_error], timeout=20)
