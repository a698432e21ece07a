import socket

import anyio
import httpx
import pytest
from tests.server.serving import serving

from myna.config.settings import Settings, ToolsSettings
from myna.core.errors import BadConfig, EngineRefused
from myna.engines.base import ToolCallDelta
from myna.server.run import bind
from myna.testing.llm import HANG, Pause, ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.toolbox import Tools
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


def body(*texts: str, **more: object) -> dict[str, object]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)], **more}


def said(llm: ScriptedLLM, call: int) -> list[tuple[str, str]]:
    """What the conversation was, as the model was shown it: the prompt's examples left out."""
    messages = [(message.role, message.content) for message in llm.calls[call].request.messages]
    return messages[len(llm.calls[0].request.messages) - 1 :]


async def until_closed(llm: ScriptedLLM) -> None:
    with anyio.fail_after(10):
        while not (llm.calls and llm.calls[0].ended):
            await anyio.sleep(0.01)


async def test_a_client_that_goes_away_stops_the_generation(weights: Weights) -> None:
    llm = ScriptedLLM(["[Calm] Once", HANG])
    async with serving(llm, weights) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/llm", json=body("Tell me a story."), timeout=0.5)
        await until_closed(llm)
        assert llm.calls[0].ended == "closed"


async def test_with_a_session_id_the_new_message_is_enough(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first", session_id="a"))
        await client.post("/llm", json=body("second", session_id="a"))
    assert said(llm, 1) == [("user", "first"), ("assistant", "[Happy] One."), ("user", "second")]


async def test_with_a_session_id_the_whole_history_may_be_sent_and_is_not_doubled(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first", session_id="a"))
        await client.post("/llm", json=body("first", "One.", "second", session_id="a"))
    assert said(llm, 1) == [("user", "first"), ("assistant", "[Happy] One."), ("user", "second")]


async def test_with_a_session_id_the_last_few_messages_may_be_sent_and_are_not_doubled(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.", "[Calm] Three.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first", session_id="a"))
        await client.post("/llm", json=body("first", "One.", "second", session_id="a"))
        await client.post("/llm", json=body("second", "Two.", "third", session_id="a"))
    assert [text for role, text in said(llm, 2) if role == "user"] == ["first", "second", "third"]
    assert len(said(llm, 2)) == 5


@pytest.mark.parametrize("again", [("second",), ("first", "One.", "second")])
async def test_what_is_asked_again_after_a_failure_was_said_once(weights: Weights, again: tuple[str, ...]) -> None:
    llm = ScriptedLLM("[Happy] One.", [EngineRefused("no")], [EngineRefused("no")], "[Calm] Two.", "[Calm] Three.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first", session_id="a"))
        statuses = [(await client.post("/llm", json=body(*again, session_id="a"))).status_code for _ in range(3)]
        await client.post("/llm", json=body("first", "One.", "second", "Two.", "third", session_id="a"))
    assert statuses == [502, 502, 200]
    assert said(llm, 3) == [("user", "first"), ("assistant", "[Happy] One."), ("user", "second")]
    assert said(llm, 4) == [*said(llm, 3), ("assistant", "[Calm] Two."), ("user", "third")]


async def test_a_client_may_also_keep_what_it_asked_in_vain(weights: Weights) -> None:
    llm = ScriptedLLM([EngineRefused("no")], "[Happy] One.", "[Calm] Two.")
    vain = [{"role": "user", "content": "first"}] * 2
    after = [{"role": "assistant", "content": "One."}, {"role": "user", "content": "second"}]
    async with serving(llm, weights) as client:
        for messages in (vain[:1], vain, vain + after):
            await client.post("/llm", json={"messages": messages, "session_id": "a"})
    assert said(llm, 2) == [("user", "first"), ("assistant", "[Happy] One."), ("user", "second")]


async def test_a_reply_that_broke_off_is_not_missed_in_what_a_client_sends(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", ["[Calm] Tw", EngineRefused("no")], "[Calm] Two.", "[Calm] Three.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first", session_id="a"))
        for _ in range(2):
            await client.post("/llm", json=body("first", "One.", "second", session_id="a"))
        await client.post("/llm", json=body("first", "One.", "second", "Two.", "third", session_id="a"))
    assert [text for role, text in said(llm, 3) if role == "user"] == ["first", "second", "second", "third"]


async def test_without_a_session_id_nothing_is_kept(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("first"))
        await client.post("/llm", json=body("second"))
    assert said(llm, 1) == [("user", "second")]


async def test_two_requests_of_one_session_do_not_mix(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Calm] Two.")
    async with serving(llm, weights) as client, anyio.create_task_group() as group:
        for text in ("first", "second"):
            group.start_soon(lambda text=text: client.post("/llm", json=body(text, session_id="a")))
    roles = [role for role, _ in said(llm, 1)]
    assert roles == ["user", "assistant", "user"]


async def test_a_system_message_takes_the_personas_place(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] Arr.")
    messages = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "hello"}]
    async with serving(llm, weights) as client:
        assert (await client.post("/llm", json={"messages": messages})).json()["text"] == "Arr."
    system, *_, user = llm.calls[0].request.messages
    assert system.content.startswith("You are a pirate.")
    assert "[Calm]" in system.content
    assert (user.role, user.content) == ("user", "hello")


async def test_sampling_is_the_requests_where_it_says(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] Yes.")
    async with serving(llm, weights) as client:
        await client.post("/llm", json=body("hello", temperature=0.1, max_tokens=7))
    sampling = llm.calls[0].request.sampling
    assert (sampling.temperature, sampling.max_tokens, sampling.top_p) == (0.1, 7, 0.95)


async def test_an_engine_that_fails_is_told_with_its_code(weights: Weights) -> None:
    llm = ScriptedLLM(["[Calm] One", EngineRefused("The LLM said no.", hint="Ask it something else.")])
    async with serving(llm, weights) as client:
        answer = await client.post("/llm", json=body("hello"))
    assert answer.status_code == 502
    assert answer.json() == {
        "error": {"code": "engine_refused", "message": "The LLM said no.", "hint": "Ask it something else."}
    }


KEY = {"X-Idempotency-Key": "session:utterance:hash"}


async def test_fifty_equal_requests_at_once_generate_once(weights: Weights) -> None:
    llm = ScriptedLLM(["[Happy] One", Pause(0.5), "."], "[Sad] Two.")
    answers: list[httpx.Response] = []

    async def ask(client: httpx.AsyncClient) -> None:
        answers.append(await client.post("/llm", json=body("hello"), headers=KEY))

    async with serving(llm, weights) as client, anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(ask, client)
    assert len(llm.calls) == 1
    assert [answer.json()["text"] for answer in answers] == ["One."] * 50
    assert sorted(answer.json()["cached"] for answer in answers) == [False] + [True] * 49


async def test_without_a_key_equal_requests_generate_each_time(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Happy] Two.")
    async with serving(llm, weights) as client:
        answers = [(await client.post("/llm", json=body("hello"))).json() for _ in range(2)]
    assert [(answer["text"], answer["cached"]) for answer in answers] == [("One.", False), ("Two.", False)]


async def test_a_key_with_another_body_is_refused_and_tells_nothing_of_the_first(weights: Weights) -> None:
    async with serving(ScriptedLLM("[Happy] Hello."), weights) as client:
        await client.post("/llm", json=body("my secret"), headers=KEY)
        refused = await client.post("/llm", json=body("hello"), headers=KEY)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "idempotency_key_reused"
    assert "secret" not in refused.text


async def test_the_keys_of_another_caller_are_other_keys(weights: Weights) -> None:
    llm = ScriptedLLM("[Happy] One.", "[Happy] Two.")
    async with serving(llm, weights) as client:
        answers = [
            await client.post("/llm", json=body("hello"), headers=KEY | {"Authorization": f"Bearer {who}"})
            for who in ("ann", "bob", "ann")
        ]
    assert [answer.json()["text"] for answer in answers] == ["One.", "Two.", "One."]


async def test_a_failure_is_not_kept(weights: Weights) -> None:
    llm = ScriptedLLM([EngineRefused("The LLM said no.")], "[Calm] Yes.")
    async with serving(llm, weights) as client:
        answers = [await client.post("/llm", json=body("hello"), headers=KEY) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 200, 200]
    assert [answer.json().get("cached") for answer in answers] == [None, False, True]


async def test_a_client_that_lost_its_connection_finds_the_answer_under_its_key(weights: Weights) -> None:
    llm = ScriptedLLM(["[Calm] At", Pause(1), " last."], "[Calm] Again.")
    async with serving(llm, weights) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/llm", json=body("hello"), headers=KEY, timeout=0.3)
        answer = await client.post("/llm", json=body("hello"), headers=KEY)
    assert answer.json() == {"text": "At last.", "model": "scripted", "cached": True}


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_is_none_is_refused(weights: Weights, key: str) -> None:
    async with serving(ScriptedLLM("[Calm] Yes."), weights) as client:
        answer = await client.post("/llm", json=body("hello"), headers={"X-Idempotency-Key": key})
    assert answer.status_code == 422
    assert "idempotency key must be 1 to 255" in answer.json()["error"]["message"]


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(BadConfig, match="is no address"):
        bind("no such host", 8765)


def test_a_port_in_use_is_told_with_a_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadConfig, match="is in use by another program"):
            bind("127.0.0.1", taken.getsockname()[1])


# --------------------------------------------------------------------------------------------------------------- tools

CLOCK = ToolCallDelta(0, "call_1", "clock", '{"city": "Oslo"}')
ALL = Settings(tools=ToolsSettings(for_all=("*",)))


async def test_the_tools_that_ran_are_told(weights: Weights) -> None:
    clock = ScriptedTool("clock", "18:05", secret=["city"])
    llm = ScriptedLLM(["[Calm] Wait.", CLOCK], "It is six.")
    async with serving(llm, weights, ALL, tools=[Tools([clock])]) as client:
        answer = (await client.post("/llm", json=body("What time is it?"))).json()
    (run,) = answer.pop("tools")
    assert answer == {"text": "Wait. It is six.", "model": "scripted", "cached": False}
    assert run.pop("took_ms") >= 0
    assert run == {"name": "clock", "arguments": '{"city": "***"}', "status": "ok", "output": "18:05"}


async def test_an_answer_without_tools_says_nothing_of_them(weights: Weights) -> None:
    async with serving(ScriptedLLM("[Calm] Yes."), weights, ALL, tools=[Tools([ScriptedTool("clock")])]) as client:
        answer = (await client.post("/llm", json=body("hello"))).json()
    assert answer == {"text": "Yes.", "model": "scripted", "cached": False}


async def test_a_yes_to_what_was_asked_runs_the_tool_once(weights: Weights) -> None:
    clock = ScriptedTool("clock", "18:05", confirm=True)
    llm = ScriptedLLM([CLOCK], "[Calm] Shall I?", "[Happy] Six.", "[Calm] Six, I said.", "[Calm] Bye.")
    async with serving(llm, weights, ALL, tools=[Tools([clock])]) as client:
        first = (await client.post("/llm", json=body("What time is it?", session_id="a"))).json()
        assert (first["text"], first["tools"][0]["status"], clock.calls) == ("Shall I?", "refused", [])
        told = body("What time is it?", "Shall I?", "Yes, please.", session_id="a")
        second = (await client.post("/llm", json=told)).json()
        assert (second["text"], second["tools"][0]["output"], len(clock.calls)) == ("Six.", "18:05", 1)
        third = (await client.post("/llm", json=told)).json()
        await client.post("/llm", json=body("Bye", session_id="a"))
    assert "tools" not in third
    assert len(clock.calls) == 1
    results = [message.content for message in llm.calls[4].request.messages if message.role == "tool"]
    assert results[1:] == ["18:05"]


async def test_without_a_session_id_a_yes_runs_nothing_as_it_could_be_sent_again(weights: Weights) -> None:
    clock = ScriptedTool("clock", "18:05", confirm=True)
    llm = ScriptedLLM([CLOCK], "[Calm] I may not.", "[Calm] No.")
    async with serving(llm, weights, ALL, tools=[Tools([clock])]) as client:
        first = (await client.post("/llm", json=body("What time is it?"))).json()
        assert "cannot be asked for here" in first["tools"][0]["output"]
        second = (await client.post("/llm", json=body("What time is it?", "I may not.", "Yes, please."))).json()
    assert (second["text"], clock.calls) == ("No.", [])
