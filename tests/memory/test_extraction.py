from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from myna.engines.base import LLMInfo
from myna.memory.claims import claims_of
from myna.memory.clauses import statements
from myna.memory.extraction import CONFIDENCE, extract, request_for
from myna.testing.llm import ScriptedLLM

pytestmark = pytest.mark.anyio
TODAY = date(2026, 3, 2)


class EnforcingLLM(ScriptedLLM):
    """A scripted one whose server enforces schemas."""

    @property
    def info(self) -> LLMInfo:
        return replace(super().info, output_schema=True)


@pytest.mark.parametrize(
    ("claim", "kept"),
    [
        ("I drive an old Volvo", "The user drives an old Volvo"),
        ("and I've been learning my third language", "The user has been learning their third language"),
        ("我会弹钢琴", "用户会弹钢琴"),
        ("我會彈鋼琴", "用戶會彈鋼琴"),
        ("最近开始学吉他了", "用户最近开始学吉他了"),
    ],
)
async def test_what_is_kept_is_the_claim_itself(claim: str, kept: str) -> None:
    new = await extract(EnforcingLLM('"fact"'), claim, TODAY)
    assert new is not None
    assert (new.text, new.confidence) == (kept, CONFIDENCE)


@pytest.mark.parametrize("answer", ['"talk"', "", "nonsense", '{"fact": "The user is a king"}', ["fa", "lse"]])
async def test_any_other_answer_keeps_nothing(answer: str | Sequence[str]) -> None:
    assert await extract(EnforcingLLM(answer), "I drive an old Volvo", TODAY) is None


def test_only_the_end_of_the_prompt_differs_between_claims() -> None:
    one, other = request_for("I drive"), request_for("我会弹钢琴")
    assert one.messages[:-1] == other.messages[:-1]
    assert one.output_schema is not None


@pytest.mark.parametrize(
    ("said", "claims"),
    [
        (
            "I drive an old Volvo, so I know the road, but my mother flies",
            ["I drive an old Volvo", "but my mother flies"],
        ),
        ("我会弹钢琴，也会唱歌，今天天气不错", ["我会弹钢琴，也会唱歌，今天天气不错"][:0]),
        ("我会弹钢琴，也会唱歌", ["我会弹钢琴，也会唱歌"]),
        ("I think you're right", []),
        ("The weather is nice", []),
        ("I used to play chess", []),
    ],
)
def test_claims_are_what_a_user_says_of_himself_that_may_last(said: str, claims: list[str]) -> None:
    assert [claim for statement in statements(said) for claim in claims_of(statement)] == claims
