"""``myna serve`` with nothing but the embedded LLM, which also tells where its llama.cpp listens: for `benchmarks.llm`.

Writes one line of JSON when it is up, ``{"myna": URL, "llamacpp": URL, "api_key": …}``, and serves until it is told to
stop.
"""

import json
from contextlib import suppress
from typing import cast

import anyio

from myna.cli.terminal import prepare
from myna.engines.llm.llamacpp import LlamaCppLLM
from myna.engines.llm.tool_calling import ToolCallingLLM
from myna.server.app import create_app
from myna.server.run import bind, serve


def main() -> None:
    prepared = prepare({"llm": {"engine": "llamacpp"}}, ("llm",))
    listener = bind("127.0.0.1", 0)
    app = create_app(prepared.open)

    async def announce() -> None:
        engines = app.state.service.engines
        await engines.settled()
        endpoint = cast(LlamaCppLLM, cast(ToolCallingLLM, engines.llm).llm).endpoint
        assert endpoint is not None
        assert endpoint.api_key is not None
        where = {
            "myna": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "llamacpp": endpoint.base_url,
            "api_key": endpoint.api_key.get_secret_value(),
        }
        print(json.dumps(where), flush=True)

    with suppress(KeyboardInterrupt):
        anyio.run(serve, app, listener, announce)


if __name__ == "__main__":
    main()
