import json
from typing import Any

import anyio.to_thread
import openai
import pytest
from tests.server.openai.chatting import HELLO, WEATHER, ask, client_of, refused, streamed, text
from tests.server.serving import serving

from myna.config.settings import Settings
from myna.core.tools import NamedTool, ToolCall
from myna.engines.base import Finished, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


# ---------------------------------------------------------------------------------------------------- the LLM as it is


async def test_the_model_myna_is_the_llm_as_it_is(weights: Weights) -> None:
    llm = ScriptedLLM(["[Happy] Hel", "lo."])
    async with client_of(llm, weights) as client:
        answer = await ask(client)
    assert answer.choices[0].message.content == "[Happy] Hello."
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "scripted"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (6, 2, 8)
    assert [(message.role, message.content) for message in llm.calls[0].request.messages] == [("user", "hello")]


async def test_a_stream_brings_every_piece_as_it_came(weights: Weights) -> None:
    async with client_of(ScriptedLLM(["你好", "，\u2028", 'a"b\\\n']), weights) as client:
        chunks = await streamed(client)
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "你好", "，\u2028", 'a"b\\\n', None]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 4 + ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


async def test_the_usage_of_a_stream_comes_last_where_it_is_wanted(weights: Weights) -> None:
    async with client_of(ScriptedLLM(["one ", "two"]), weights) as client:
        *chunks, last = await streamed(client, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (6, 2, 8)
    assert text(chunks) == "one two"


async def test_tokens_from_the_cache_are_told(weights: Weights) -> None:
    async with client_of(ScriptedLLM(["hi", Finished("stop", Usage(9, 1, cached_tokens=4))]), weights) as client:
        answer = await ask(client)
    assert answer.usage.prompt_tokens_details.cached_tokens == 4


async def test_where_the_server_does_not_tell_the_usage_it_is_left_open(weights: Weights) -> None:
    async with client_of(ScriptedLLM(["hi", Finished("stop")]), weights) as client:
        assert (await ask(client)).usage is None


async def test_the_synchronous_client_works_too(weights: Weights) -> None:
    async with serving(ScriptedLLM("[Happy] Hello."), weights) as server:

        def use() -> tuple[str | None, str]:
            with openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as client:
                whole = client.chat.completions.create(model="myna", messages=HELLO).choices[0].message.content
                chunks = list(client.chat.completions.create(model="myna", messages=HELLO, stream=True))
            return whole, text(chunks)

        assert await anyio.to_thread.run_sync(use) == ("[Happy] Hello.",) * 2


async def test_what_the_request_says_of_sampling_reaches_the_llm(weights: Weights) -> None:
    llm = ScriptedLLM("yes")
    said: dict[str, Any] = {"temperature": 0.1, "top_p": 0.2, "seed": 7, "presence_penalty": 1.5}
    async with client_of(llm, weights) as client:
        await ask(client, **said, frequency_penalty=-1, max_tokens=9, stop="x", extra_body={"top_k": 3})
        await ask(client, max_tokens=9, max_completion_tokens=5, stop=["x", "y"])
        await ask(client)
    first, second, third = (call.request.sampling for call in llm.calls)
    assert {name: getattr(first, name) for name in said} == said
    assert (first.frequency_penalty, first.max_tokens, first.stop, first.top_k) == (-1, 9, ("x",), 3)
    assert (second.max_tokens, second.stop) == (5, ("x", "y"))
    assert third == Settings().llm.sampling()


@pytest.mark.parametrize(("more", "said", "reason"), [
    ({"max_tokens": 2}, "one two ", "length"),
    ({"stop": "two"}, "one ", "stop"),
    ({"stop": ["three", "one"]}, "", "stop"),
])  # fmt: skip
async def test_the_reason_of_the_end_is_told(weights: Weights, more: Any, said: str, reason: str) -> None:
    async with client_of(ScriptedLLM(["one ", "two ", "three"]), weights) as client:
        whole = (await ask(client, **more)).choices[0]
        chunks = await streamed(client, **more)
    assert (whole.message.content, whole.finish_reason) == (said, reason)
    assert (text(chunks), chunks[-1].choices[0].finish_reason) == (said, reason)


async def test_several_choices_are_drawn_with_seeds_of_their_own(weights: Weights) -> None:
    llm = ScriptedLLM("one", "two", "three", "one", "two", "three")
    async with client_of(llm, weights) as client:
        answer = await ask(client, n=3, seed=7)
        chunks = await streamed(client, n=3, seed=7, stream_options={"include_usage": True})
    assert [(choice.index, choice.message.content) for choice in answer.choices] == [
        (0, "one"),
        (1, "two"),
        (2, "three"),
    ]
    assert [text(chunks, index) for index in range(3)] == ["one", "two", "three"]
    assert [call.request.sampling.seed for call in llm.calls] == [7, 8, 9] * 2
    for usage in (answer.usage, chunks[-1].usage):
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens) == (6, 3)


async def test_messages_of_every_role_reach_the_llm(weights: Weights) -> None:
    llm = ScriptedLLM("It is 22 °C.")
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "东京"}'}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "The weather"}, {"type": "text", "text": "in Tokyo?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "22 °C", "tool_call_id": "c1"},
        {"role": "user", "content": "And now?", "name": "Ann"},
    ]
    async with client_of(llm, weights) as client:
        await ask(client, messages=messages, tools=[WEATHER])
    sent = llm.calls[0].request.messages
    assert [message.role for message in sent] == ["system", "user", "assistant", "tool", "user"]
    assert sent[1].content == "The weather\nin Tokyo?"
    assert sent[2].tool_calls == (ToolCall("c1", "weather", '{"city": "东京"}'),)
    assert sent[3].tool_call_id == "c1"


async def test_a_call_that_was_cut_off_reaches_the_llm_as_json(weights: Weights) -> None:
    llm = ScriptedLLM("It is 22 °C.")
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "东'}}
    messages = [*HELLO, {"role": "assistant", "tool_calls": [call]}, *HELLO]
    async with client_of(llm, weights) as client:
        await ask(client, messages=messages, tools=[WEATHER])
    (sent,) = llm.calls[0].request.messages[1].tool_calls
    assert json.loads(sent.arguments) == {"invalid": '{"city": "东'}


async def test_tools_reach_the_llm_and_its_calls_the_client(weights: Weights) -> None:
    pieces = [
        ToolCallDelta(0, "c1", "weather", ""),
        ToolCallDelta(0, None, None, '{"city":'),
        ToolCallDelta(0, None, None, ' "东京"}'),
        ToolCallDelta(1, "c2", "weather", "{}"),
        Finished("tool_calls"),
    ]
    llm = ScriptedLLM(pieces)
    choice: Any = {"type": "function", "function": {"name": "weather"}}
    async with client_of(llm, weights) as client:
        whole = (await ask(client, tools=[WEATHER], tool_choice=choice)).choices[0]
        async with client.chat.completions.stream(model="myna", messages=HELLO, tools=[WEATHER]) as stream:
            joined = (await stream.get_final_completion()).choices[0]
    (tool,) = llm.calls[0].request.tools
    assert (tool.name, tool.description, tool.parameters) == ("weather", "The weather.", {"type": "object"})
    assert llm.calls[0].request.tool_choice == NamedTool("weather")
    for answer in (whole, joined):
        assert answer.finish_reason == "tool_calls"
        assert answer.message.tool_calls is not None
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments)) for call in answer.message.tool_calls
        ]
        assert calls == [("c1", "weather", {"city": "东京"}), ("c2", "weather", {})]
    assert whole.message.content is None


async def test_with_tool_choice_none_no_tool_is_offered(weights: Weights) -> None:
    llm = ScriptedLLM("yes")
    async with client_of(llm, weights) as client:
        await ask(client, tools=[WEATHER], tool_choice="none")
    assert llm.calls[0].request.tools == ()


async def test_thinking_that_the_server_reports_apart_stays_apart(weights: Weights) -> None:
    async with client_of(
        ScriptedLLM([ReasoningDelta("Hm. "), ReasoningDelta("Yes."), TextDelta("Hi.")]), weights
    ) as client:
        message = (await ask(client)).choices[0].message
        chunks = await streamed(client, reasoning_effort="minimal")
    assert (message.content, message.reasoning_content) == ("Hi.", "Hm. Yes.")
    assert text(chunks) == "Hi."


# ------------------------------------------------------------------------------------------------------------ personas


async def test_a_persona_answers_without_tags_and_its_emotion_stands_apart(weights: Weights) -> None:
    llm = ScriptedLLM(["[开", "心] 俺老孙", "来也！", "[Angry]", " 妖怪！"])
    async with client_of(llm, weights) as client:
        message = (await ask(client, model="myna/wukong")).choices[0].message
        chunks = await streamed(client, model="myna/wukong")
    assert message.content == "俺老孙来也！妖怪！"
    assert message.myna == {"emotion": "开心"}
    assert text(chunks) == "俺老孙来也！妖怪！"
    deltas: list[Any] = [choice.delta.to_dict() for chunk in chunks for choice in chunk.choices]
    assert [delta["myna"]["emotion"] for delta in deltas if "myna" in delta] == ["开心", "Angry"]
    assert {chunk.model for chunk in chunks} == {"myna/wukong"}
    assert "孙悟空" in llm.calls[0].request.messages[0].content


async def test_the_messages_are_the_personas_history(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] Yes.")
    history = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, *HELLO]
    async with client_of(llm, weights) as client:
        answer = await ask(client, model="myna/assistant", messages=history)
    said = [(message.role, message.content) for message in llm.calls[0].request.messages]
    assert [role for role, _ in said[-3:]] == ["user", "assistant", "user"]
    assert [content.split(" (")[0] for _, content in said[-3:]] == ["one", "two", "hello"]
    assert said[0][0] == "system"
    assert answer.usage.completion_tokens == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_what_the_model_wrote_goes_back_to_it_with_its_tags(weights: Weights, stream: bool) -> None:
    llm = ScriptedLLM("[Happy] Good. [Sad] Night.", "[Calm] Yes.")
    async with client_of(llm, weights) as client:
        if stream:
            said = text(await streamed(client, model="myna/assistant"))
        else:
            said = (await ask(client, model="myna/assistant")).choices[0].message.content
        assert "[" not in said
        told = [*HELLO, {"role": "assistant", "content": said}, {"role": "user", "content": "and now?"}]
        await ask(client, model="myna/assistant", messages=told)
        first, second = (call.request.messages for call in llm.calls)
        assert second[: len(first)] == first
        assert second[-2].content == "[Happy] Good. [Sad] Night."

        await ask(client, model="myna/assistant-zh", messages=told)
        assert llm.calls[-1].request.messages[-2].content == said, "another persona wrote that"


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_a_system_message_takes_the_place_of_the_personas_prompt(weights: Weights, role: str) -> None:
    llm = ScriptedLLM("[Calm] Arr.")
    async with client_of(llm, weights) as client:
        await ask(client, model="myna/wukong", messages=[{"role": role, "content": "You are a pirate."}, *HELLO])
    system, *_, user = llm.calls[0].request.messages
    assert system.content.startswith("You are a pirate.")
    assert "孙悟空" not in system.content
    assert user.content == "hello"


@pytest.mark.parametrize(("more", "param"), [
    ({"messages": [{"role": "user", "content": " "}]}, "messages"),
    ({"messages": [*HELLO, {"role": "assistant", "content": "hi"}]}, "messages"),
    ({"messages": [{"role": "system", "content": "hi"}]}, "messages"),
])  # fmt: skip
async def test_what_a_persona_cannot_answer_is_refused(weights: Weights, more: Any, param: str) -> None:
    llm = ScriptedLLM("yes")
    async with client_of(llm, weights) as client:
        problem = await refused(client, model="myna/wukong", **more)
    assert (problem.status_code, problem.param, llm.calls) == (400, param, [])


async def test_the_wire_is_what_openai_writes(weights: Weights) -> None:
    async with serving(ScriptedLLM("好"), weights) as server:
        answer = await server.post("/v1/chat/completions", json={"model": "m", "messages": HELLO, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert '"delta":{"content":"好"}' in events[1]


async def test_no_character_of_the_text_ends_a_line_of_the_stream(weights: Weights) -> None:
    said = "a\u2028b\u2029c\u0085d\r\ne"
    async with serving(ScriptedLLM(said), weights) as server:
        answer = await server.post("/v1/chat/completions", json={"model": "m", "messages": HELLO, "stream": True})
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line not in {"", "data: [DONE]"}]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == said
