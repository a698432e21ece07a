import subprocess
import sys
from collections.abc import AsyncGenerator

import pytest
from pydantic import SecretStr
from tests.engines.llm.llama_server import KEY, llama_server

from myna.engines.base import LLM
from myna.engines.llm.openai import OpenAIOptions, open_openai
from myna.testing.conformance.llm import LLMConformance
from myna.weights.locate import Weights


@pytest.mark.models
class TestOpenAILLMWithLlamaServer(LLMConformance):
    @pytest.fixture(scope="class")
    async def llm(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[LLM]:
        async with (
            llama_server(weights) as url,
            open_openai(OpenAIOptions(base_url=url, api_key=SecretStr(KEY))) as llm,
        ):
            assert llm.info.model == "qwen"
            assert llm.info.context_tokens == 4096
            yield llm


def test_it_starts_without_what_only_the_parent_needs():
    listed = "import sys, myna.engines.llm.llamacpp_child; print(*sys.modules, sep='\\n')"
    modules = subprocess.run([sys.executable, "-c", listed], check=True, capture_output=True, text=True).stdout.split()
    assert not {"anyio", "httpx", "numpy", "pydantic", "xllamacpp"} & set(modules)
