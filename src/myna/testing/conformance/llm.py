"""What every LLM engine must do.

::

    class TestMyLLM(LLMConformance):
        @pytest.fixture(scope="class")
        async def llm(self, anyio_backend):
            async with open_my_llm() as llm:
                yield llm
"""

import json
from contextlib import aclosing

import anyio
import pytest

from myna.core.tools import JSON
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Sampling, TextDelta

PATIENCE_S = 120.0
"""What takes longer hangs."""

SHORT = Sampling(temperature=0, max_tokens=32)
LONG = Sampling(temperature=0)


async def read(llm: LLM, request: LLMRequest) -> tuple[str, Finished]:
    """The text of a whole reply, and how it ended; every rule for streams is checked on the way."""
    text = ""
    finished: Finished | None = None
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(llm.generate(request)) as deltas:
            async for delta in deltas:
                assert finished is None, f"{delta} came after Finished"
                match delta:
                    case TextDelta(piece):
                        assert piece, "an empty piece"
                        text += piece
                    case Finished():
                        finished = delta
                    case _:
                        pass
    assert finished is not None, "the stream ended without Finished"
    return text, finished


@pytest.mark.anyio
class LLMConformance:
    """Derive from it and override the fixture ``llm``; the prompts too if the model needs others."""

    question = LLMMessage("user", "Count from one to ten in English words, separated by commas: one, two, ...")
    """Answered with at least five words and a comma."""
    chinese_question = LLMMessage("user", "请用中文写一句话，介绍一下北京。")
    """Answered with Chinese text."""

    @pytest.fixture(scope="class")
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that the engine runs on."""
        return "asyncio"

    @pytest.fixture
    def llm(self) -> LLM:
        """The engine, open."""
        raise NotImplementedError("override the fixture llm")

    def ask(self, *messages: LLMMessage, sampling: Sampling = SHORT, output_schema: JSON | None = None) -> LLMRequest:
        """A request, for a short reply unless ``sampling`` says otherwise."""
        return LLMRequest(messages or (self.question,), sampling, output_schema=output_schema)

    async def test_it_says_what_it_is(self, llm: LLM):
        assert llm.info.model
        assert llm.info.context_tokens is None or llm.info.context_tokens > 0

    async def test_a_stream_ends_with_exactly_one_finished_and_has_no_empty_piece(self, llm: LLM):
        text, finished = await read(llm, self.ask())
        assert text.strip()
        assert finished.usage is None or (finished.usage.prompt_tokens > 0 and finished.usage.completion_tokens > 0)

    async def test_chinese_is_whole_whatever_the_pieces_are(self, llm: LLM):
        text, _ = await read(llm, self.ask(self.chinese_question))
        assert any("\u4e00" <= character <= "\u9fff" for character in text)
        assert "\ufffd" not in text

    async def test_max_tokens_ends_a_reply_for_its_length(self, llm: LLM):
        _, finished = await read(llm, self.ask(sampling=Sampling(temperature=0, max_tokens=3)))
        assert finished.reason == "length"
        assert finished.usage is None or finished.usage.completion_tokens <= 3

    async def test_a_stop_string_ends_a_reply_and_is_not_part_of_it(self, llm: LLM):
        text, finished = await read(llm, self.ask(sampling=Sampling(temperature=0, max_tokens=32, stop=(",",))))
        assert "," not in text
        assert finished.reason == "stop"

    async def test_after_a_stream_was_closed_early_the_next_request_is_answered(self, llm: LLM):
        with anyio.fail_after(PATIENCE_S):
            for _ in range(4):  # more than an engine would have slots to lose
                async with aclosing(llm.generate(self.ask(sampling=LONG))) as deltas:
                    await anext(deltas)
        text, _ = await read(llm, self.ask())
        assert text.strip()

    async def test_after_the_reading_task_was_cancelled_the_next_request_is_answered(self, llm: LLM):
        async def wait_forever() -> None:
            async with aclosing(llm.generate(self.ask(sampling=LONG))) as deltas:
                await anext(deltas)
                begun.set()
                async for _ in deltas:
                    pass

        for _ in range(4):
            begun = anyio.Event()
            with anyio.fail_after(PATIENCE_S):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(wait_forever)
                    await begun.wait()
                    tasks.cancel_scope.cancel()
        text, _ = await read(llm, self.ask())
        assert text.strip()

    async def test_requests_at_the_same_time_are_all_answered(self, llm: LLM):
        texts: list[str] = []

        async def one() -> None:
            texts.append((await read(llm, self.ask(sampling=Sampling(temperature=0, max_tokens=8))))[0])

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(one)
        assert len(texts) == 5
        assert all(text.strip() for text in texts)

    async def test_the_output_satisfies_the_schema_where_the_engine_promises_it(self, llm: LLM):
        if not llm.info.output_schema:
            pytest.skip("does not promise it")
        schema = {
            "type": "object",
            "properties": {"mood": {"type": "string", "enum": ["happy", "sad"]}},
            "required": ["mood"],
            "additionalProperties": False,
        }
        question = LLMMessage("user", "I won the lottery! How do I feel?")
        text, _ = await read(llm, self.ask(question, output_schema=schema))
        answer = json.loads(text)
        assert set(answer) == {"mood"}
        assert answer["mood"] in {"happy", "sad"}

    async def test_a_longer_prompt_counts_more_tokens(self, llm: LLM):
        with anyio.fail_after(PATIENCE_S):
            short = await llm.count_tokens([self.question])
            longer = await llm.count_tokens([self.question, self.chinese_question])
        assert 0 < short < longer
