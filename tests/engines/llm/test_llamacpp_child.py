import json
import subprocess
import sys
from collections.abc import AsyncGenerator

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import SecretStr

from myna.engines.base import LLM
from myna.engines.llm.llamacpp_child import READY
from myna.engines.llm.openai import OpenAIOptions, open_openai
from myna.testing.conformance.llm import LLMConformance
from myna.weights.locate import Weights

COMMAND = [sys.executable, "-P", "-m", "myna.engines.llm.llamacpp_child"]
SETTINGS = {
    "model": "qwen",
    "slots": 2,
    "context_tokens": 4096,
    "prompt_cache_mib": 64,
    "temperature": 0.7,
    "repeat_penalty": 1.1,
    "threads": None,
    "cores": 2,
    "gpu_layers": 0,
    "api_key": "a key",
}


@pytest.mark.models
class TestOpenAILLMWithLlamaServer(LLMConformance):
    @pytest.fixture(scope="class")
    async def llm(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[LLM]:
        settings = SETTINGS | {"path": str(weights.locate("qwen2.5-coder-0.5b-instruct"))}
        async with await anyio.open_process(COMMAND, stderr=None) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            await child.stdin.send(f"{json.dumps(settings)}\n".encode())
            output = BufferedByteReceiveStream(child.stdout)
            with anyio.fail_after(120):
                await output.receive_until(READY.encode(), 65536)
                device, url = (await output.receive_until(b"\n", 100)).decode().split()
            assert device == "cpu"
            async with open_openai(OpenAIOptions(base_url=url, api_key=SecretStr("a key"))) as llm:
                assert llm.info.model == "qwen"
                assert llm.info.context_tokens == 4096
                yield llm
            await child.stdin.aclose()
            with anyio.fail_after(10):
                await child.wait()


def test_it_starts_without_what_only_the_parent_needs():
    listed = "import sys, myna.engines.llm.llamacpp_child; print(*sys.modules, sep='\\n')"
    modules = subprocess.run([sys.executable, "-c", listed], check=True, capture_output=True, text=True).stdout.split()
    assert not {"anyio", "httpx", "numpy", "pydantic", "xllamacpp"} & set(modules)
