import openai
import pytest
from tests.server.openai.chatting import ask, client_of, refused

from myna.config.settings import ServerSettings, Settings
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


async def test_the_models_are_the_llm_and_the_personas(weights: Weights) -> None:
    async with client_of(ScriptedLLM("yes"), weights) as client:
        models = [model.id async for model in client.models.list()]
        found = await client.models.retrieve("myna/wukong")
        with pytest.raises(openai.NotFoundError, match="myna/wukong"):
            await client.models.retrieve("gpt-5")
    assert models[:2] == ["myna", "scripted"]
    assert {"myna/wukong", "myna/assistant"} < set(models)
    assert (found.id, found.object) == ("myna/wukong", "model")


async def test_any_other_model_is_the_configured_llm_and_the_answer_says_so(weights: Weights) -> None:
    async with client_of(ScriptedLLM("yes"), weights) as client:
        answer = await ask(client, model="gpt-4o-mini")
    assert (answer.model, answer.choices[0].message.content) == ("scripted", "yes")


@pytest.mark.parametrize(("model", "strict"), [("gpt-4o-mini", True), ("myna/nobody", True), ("myna/nobody", False)])
async def test_an_unknown_model_is_refused_with_what_there_is(weights: Weights, model: str, strict: bool) -> None:
    settings = Settings(server=ServerSettings(strict_models=strict))
    async with client_of(ScriptedLLM("yes"), weights, settings) as client:
        problem = await refused(client, model=model)
    assert isinstance(problem, openai.NotFoundError)
    assert (problem.code, problem.param) == ("model_not_found", "model")
    assert "myna/wukong" in problem.message


@pytest.mark.parametrize("model", ["myna", "scripted", "myna/wukong"])
async def test_strict_models_knows_what_is_listed(weights: Weights, model: str) -> None:
    settings = Settings(server=ServerSettings(strict_models=True))
    async with client_of(ScriptedLLM("yes"), weights, settings) as client:
        assert (await ask(client, model=model)).choices[0].message.content == "yes"
