"""llama.cpp's own server around the starter model, as the embedded LLM runs it, for tests that speak to it directly."""

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from myna.engines.llm.llamacpp_child import READY
from myna.weights.locate import Weights

COMMAND = [sys.executable, "-P", "-m", "myna.engines.llm.llamacpp_child"]
KEY = "a key"
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
    "api_key": KEY,
}


@asynccontextmanager
async def llama_server(weights: Weights) -> AsyncGenerator[str]:
    """Its URL; it wants `KEY`."""
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
        yield url
        await child.stdin.aclose()
        with anyio.fail_after(10):
            await child.wait()
