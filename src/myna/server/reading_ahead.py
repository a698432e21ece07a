"""The configured persona's prompt, read before the first user speaks."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from myna.core.errors import MynaError
from myna.engines.base import ReadsAhead
from myna.engines.task_group import open_task_group
from myna.personas.model import Persona
from myna.server.service import Service
from myna.session.history import History
from myna.session.prompt import build_prompt


@asynccontextmanager
async def reading_ahead(service: Service, persona: Persona | None = None) -> AsyncGenerator[None]:
    """Within it, once the LLM is up and no other engine loads, it reads the persona's prompt; nobody waits for that."""
    async with open_task_group() as background:
        background.start_soon(_read, service, persona or service.persona())
        try:
            yield
        finally:
            background.cancel_scope.cancel()


async def _read(service: Service, persona: Persona) -> None:
    engines = service.engines
    await engines.until(lambda: engines.is_up("llm") and not engines.loads)
    with suppress(MynaError):
        llm = engines.llm
        if isinstance(llm, ReadsAhead):
            options = service.session_options(persona)
            prompt = build_prompt(persona, History(), "", emotions=options.emotions, template=options.prompt_template)
            await llm.read_ahead(prompt.messages, tools=options.tools.specs, everywhere=True)
