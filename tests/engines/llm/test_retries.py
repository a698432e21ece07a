"""When a request is sent again, and, against a real socket, that it is."""

import math
from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import httpx
import pytest
from tests.engines.llm.loopback import CHAT, DONE, HELLO, Answer, InTurn, error, head, piece, serving
from tests.engines.llm.test_openai import ASK, answer, free_port

from myna.core.errors import Busy, EngineRefused, EngineTimeout, EngineUnavailable, MynaError
from myna.engines.base import Finished, Loading, TextDelta
from myna.engines.llm import retries
from myna.engines.llm.faults import Refused, retry_after_s
from myna.engines.llm.openai import OpenAIOptions, open_openai
from myna.engines.llm.retries import LONGEST_S, POLL_LONGEST_S, Retries

HELLO_DELTAS = [TextDelta("hello"), Finished("stop")]
BUSY = error(429, {"error": "busy"})
LOADS = error(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_S", 0.01)
    monkeypatch.setattr(retries, "POLL_FIRST_S", 0.01)


def problem(cause: Exception) -> MynaError:
    made = EngineUnavailable("It failed.")
    made.__cause__ = cause
    return made


# ------------------------------------------------------------------------------------------------------------- rules

AGAIN = [Refused(429), Refused(502), Refused(503), Refused(504), httpx.ConnectError("no"), httpx.ReadError("reset")]
NEVER = [Refused(401), Refused(404), Refused(500), httpx.ReadTimeout("silent"), ValueError("garbage")]


@pytest.mark.parametrize("cause", AGAIN, ids=repr)
def test_what_may_pass_is_tried_again_a_few_times_later_each_time(cause: Exception):
    attempts = Retries(most=2, until_s=100, load_s=0)
    first, second = (attempts.wait_s(problem(cause), 0) for _ in range(2))
    assert 0.005 <= first <= 0.01 <= second <= 0.02
    with pytest.raises(EngineUnavailable):
        attempts.wait_s(problem(cause), 0)


@pytest.mark.parametrize("cause", NEVER, ids=repr)
def test_what_does_not_pass_is_not_tried_again(cause: Exception):
    with pytest.raises(EngineUnavailable, match="It failed"):
        Retries(most=2, until_s=100, load_s=100).wait_s(problem(cause), 0)


def test_nothing_is_tried_beyond_the_time_that_was_given():
    with pytest.raises(EngineUnavailable):
        Retries(most=2, until_s=10, load_s=0).wait_s(problem(Refused(503)), 9.999)


def test_a_server_that_says_when_is_obeyed_if_that_is_soon():
    assert 1.5 <= Retries(2, 100, 0).wait_s(problem(Refused(429, after_s=1.5)), 0) <= 1.6
    with pytest.raises(EngineUnavailable):
        Retries(2, 100, 0).wait_s(problem(Refused(429, after_s=LONGEST_S + 0.1)), 0)


def test_a_model_may_take_long_to_load_and_that_counts_for_nothing_else():
    loads = problem(Refused(503, loads=True))
    attempts = Retries(most=1, until_s=10, load_s=300)
    now_s = 0.0
    while now_s < 250:
        wait_s = attempts.wait_s(loads, now_s)
        assert 0 < wait_s <= POLL_LONGEST_S
        now_s += wait_s
    assert attempts.wait_s(problem(Refused(503)), now_s + 5) > 0
    with pytest.raises(EngineUnavailable):
        attempts.wait_s(problem(Refused(503)), now_s + 5)


def test_a_model_that_loads_for_ever_is_given_up():
    loads = problem(Refused(503, loads=True))
    attempts = Retries(most=1, until_s=10, load_s=30)
    attempts.wait_s(loads, 0)
    with pytest.raises(EngineTimeout, match="longer than 30 s") as raised:
        attempts.wait_s(loads, 30)
    assert "load_timeout_s" in raised.value.hint


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("20", 20),
        (" 1.5 ", 1.5),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("", None),
    ],
)
def test_when_to_come_again_is_told_in_seconds(said: str, seconds: float | None):
    assert retry_after_s(httpx.Headers({"Retry-After": said})) == seconds


@pytest.mark.parametrize(("from_now_s", "seconds"), [(900, 900), (-900, 0)])
def test_when_to_come_again_is_told_as_a_date(from_now_s: int, seconds: float):
    said = format_datetime(datetime.now(UTC) + timedelta(seconds=from_now_s), usegmt=True)
    assert retry_after_s(httpx.Headers({"Retry-After": said})) == pytest.approx(seconds, abs=100)


def test_a_date_is_one_of_the_servers_own_clock():
    there = datetime(2036, 1, 1, tzinfo=UTC)
    said = {"Retry-After": format_datetime(there + timedelta(seconds=7)), "Date": format_datetime(there)}
    assert retry_after_s(httpx.Headers(said)) == 7


# --------------------------------------------------------------------------------------------------------- a server


async def asked(answers: Mapping[str, Answer], **options: object) -> tuple[object, int]:
    """What came of one request, and how many the server got."""
    async with serving(answers) as server:
        given = OpenAIOptions.model_validate({"base_url": server.url, "model": "m", "timeout_s": 5} | options)
        async with open_openai(given) as llm:
            try:
                came: object = await answer(llm)
            except MynaError as error:
                came = error
        return came, len(server.asked())


@pytest.mark.anyio
@pytest.mark.parametrize("bad", [BUSY, error(502, "no"), error(503, "no"), error(504, "no"), []])
async def test_a_request_that_found_no_place_is_sent_again(bad: Answer):
    assert await asked(InTurn(CHAT, bad, bad, HELLO)) == (HELLO_DELTAS, 3)


@pytest.mark.anyio
async def test_it_is_sent_again_only_so_often():
    came, requests = await asked({CHAT: BUSY}, retries=1)
    assert isinstance(came, Busy)
    assert requests == 2
    assert (await asked({CHAT: BUSY}, retries=0))[1] == 1


@pytest.mark.anyio
@pytest.mark.parametrize("begins", [head(), head(Content_Length="1000")])
async def test_an_answer_that_began_is_never_begun_again(begins: bytes):
    came, requests = await asked(InTurn(CHAT, [begins, piece(content="a")], HELLO))
    assert isinstance(came, EngineUnavailable)
    assert requests == 1


@pytest.mark.anyio
async def test_a_refusal_is_not_asked_for_twice():
    came, requests = await asked(InTurn(CHAT, error(401, {"error": "no"}), HELLO))
    assert isinstance(came, EngineRefused)
    assert requests == 1


@pytest.mark.anyio
@pytest.mark.parametrize("when", ["0", "Thu, 01 Jan 2026 00:00:00 GMT"])
async def test_a_server_that_says_when_is_asked_then(when: str):
    later = [head(429, "application/json", Retry_After=when), b"{}"]
    assert await asked(InTurn(CHAT, later, HELLO)) == (HELLO_DELTAS, 2)


@pytest.mark.anyio
async def test_who_would_have_to_wait_long_is_told_how_long():
    later = [head(429, "application/json", Retry_After="40"), b'{"error": "quota"}']
    came, requests = await asked({CHAT: later})
    assert isinstance(came, Busy)
    assert came.hint == "Try again in 40 s."
    assert requests == 1


@pytest.mark.anyio
async def test_a_server_that_is_started_meanwhile_is_met():
    port = free_port()
    async with open_openai(OpenAIOptions(base_url=f"http://127.0.0.1:{port}", retries=10)) as llm:
        came: list[object] = []

        async def ask() -> None:
            came.append(await answer(llm))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.sleep(0.05)
            async with serving({CHAT: HELLO}, port):
                with anyio.fail_after(20):
                    while not came:
                        await anyio.sleep(0.01)
    assert came == [HELLO_DELTAS]


@pytest.mark.anyio
@pytest.mark.parametrize("health", [error(200, {"status": "ok"}), error(404, "no"), []])
async def test_a_llama_server_that_loads_is_waited_for_and_that_is_told_once(health: Answer):
    answers = InTurn(CHAT, LOADS, LOADS, HELLO)
    answers["/health"] = health
    came, requests = await asked(answers, retries=0)
    assert came == [Loading("m on 127.0.0.1"), *HELLO_DELTAS]
    assert requests == 3


@pytest.mark.anyio
async def test_while_it_loads_only_its_health_is_asked_for():
    health = InTurn("/health", LOADS, LOADS, LOADS, error(200, {"status": "ok"}))
    health[CHAT] = LOADS
    async with serving(health) as server, open_openai(OpenAIOptions(base_url=server.url, model="m")) as llm:
        async with aclosing(llm.generate(ASK)) as deltas:
            assert await anext(deltas) == Loading("m on 127.0.0.1")
            health[CHAT] = HELLO
            assert [delta async for delta in deltas] == HELLO_DELTAS
        assert len(server.asked("/health")) == 4
        assert len(server.asked()) == 2


@pytest.mark.anyio
async def test_a_server_that_loads_too_long_or_need_not_be_waited_for_is_an_error():
    came, _ = await asked({CHAT: LOADS, "/health": LOADS}, load_timeout_s=0.1)
    assert isinstance(came, EngineTimeout)
    assert "still loads its model" in came.message
    came, requests = await asked({CHAT: LOADS}, load_timeout_s=0, retries=0)
    assert isinstance(came, EngineUnavailable)
    assert requests == 1


@pytest.mark.anyio
async def test_leaving_while_it_loads_sends_nothing_more():
    async with (
        serving({CHAT: LOADS, "/health": LOADS}) as server,
        open_openai(OpenAIOptions(base_url=server.url)) as llm,
    ):
        with anyio.move_on_after(0.2):
            await answer(llm)
        sent = len(server.requests)
        await anyio.sleep(0.1)
        assert len(server.requests) == sent


@pytest.mark.anyio
async def test_silence_is_not_tried_again():
    came, requests = await asked(InTurn(CHAT, [math.inf], [head(), DONE]), timeout_s=0.2)
    assert isinstance(came, EngineTimeout)
    assert requests == 1
