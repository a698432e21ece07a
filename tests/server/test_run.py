import anyio
import pytest
from tests.server.serving import serving

from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights


@pytest.mark.anyio
async def test_a_header_without_an_end_is_refused_in_plain_text(weights: Weights) -> None:
    async with serving(ScriptedLLM(), weights) as client:
        assert client.base_url.port
        async with await anyio.connect_tcp("127.0.0.1", client.base_url.port) as stream:
            await stream.send(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 17 * 1024)
            with anyio.fail_after(10):
                answer = await stream.receive()
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 400 ")
    assert b"content-type: text/plain" in head
