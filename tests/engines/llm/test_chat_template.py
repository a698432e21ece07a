"""Templates of others, rendered in a process that may be killed."""

import logging
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from myna.engines.base import LLMMessage
from myna.engines.llm import chat_template
from myna.engines.llm.chat_families import CHATML, family_of
from myna.engines.llm.chat_template import ChatTemplate, Prompt, TemplateChild, TemplateFails, ToldTemplate
from myna.engines.llm.chat_template import template_child as open_child

pytestmark = pytest.mark.anyio

TALK = (
    LLMMessage("system", "Be kind."),
    LLMMessage("user", "你好 <b> 😀"),
    LLMMessage("assistant", "Hi."),
    LLMMessage("user", "Bye?"),
)
CHATML_TEMPLATE = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}"""
STRICT = """{{ bos_token }}{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{% endif %}
{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}
{%- else %}{{ message['content'] + eos_token }}{% endif %}
{% endfor %}"""
FOR_EVER = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@asynccontextmanager
async def rendering() -> AsyncGenerator[TemplateChild]:
    with anyio.fail_after(60):
        async with open_child() as child:
            yield child


async def prompt_of(
    template: str, told: ToldTemplate | None = None, model: str = "", *, thinking: bool = True
) -> Prompt:
    async with rendering() as child:
        made = ChatTemplate(child, told or ToldTemplate(template), family_of(model), model)
        return await made.prompt(TALK, thinking=thinking)


async def test_a_template_makes_the_prompt_as_the_model_was_made_with():
    expected = "".join(f"<|im_start|>{message.role}\n{message.content}<|im_end|>\n" for message in TALK)
    assert await prompt_of(CHATML_TEMPLATE) == Prompt(f"{expected}<|im_start|>assistant\n", ("<|im_end|>",), False)


async def test_thinking_is_switched_off_where_the_template_can_do_that():
    assert (await prompt_of(CHATML_TEMPLATE, thinking=False)).text.endswith("<think>\n\n</think>\n\n")


async def test_thinking_that_the_template_opens_is_noticed():
    assert (await prompt_of("{{ messages[-1].content }}<think>\n")).in_thinking


async def test_a_template_without_system_messages_gets_turns_and_no_beginning_twice():
    told = ToldTemplate(STRICT, bos="<s>", eos="</s>")
    made = await prompt_of(STRICT, told)
    assert made.text == "[INST] Be kind.\n\n你好 <b> 😀 [/INST]Hi.</s>[INST] Bye? [/INST]"
    assert made.stop == ("</s>",)
    told = ToldTemplate(STRICT, bos="<s>", eos="</s>", sets_bos=False)
    assert (await prompt_of(STRICT, told)).text.startswith("<s>[INST]")


async def test_an_end_that_the_server_does_not_tell_is_that_of_the_family():
    assert "Hi.</s>" in (await prompt_of(STRICT, model="mistral-7b")).text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        pytest.param("{% for %}", "TemplateSyntaxError", id="no template"),
        pytest.param("{{ nobody.name.of }}", "UndefinedError", id="an unknown name"),
        pytest.param("{{ raise_exception('Only one message') }}", "Only one message", id="one that refuses"),
        pytest.param("{{ messages[0].content / 2 }}", "TypeError", id="a wrong type"),
        pytest.param("{{ 'x' * 10000000 }}", "characters", id="megabytes"),
        pytest.param("{% for a in range(99999) %}{{ 'y' * 100 }}{% endfor %}", "characters", id="endless text"),
        pytest.param(
            "{{ ('x' * 2000000000)|length }}",
            "MemoryError",
            id="gigabytes",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded by the kernel"),
        ),
        pytest.param("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError", id="an intruder"),
        pytest.param("{{ messages.append(1) }}", "SecurityError", id="one that changes what it is given"),
        pytest.param(FOR_EVER, "longer than 0.5 s", id="an endless loop"),
        pytest.param("x" * (300 << 10), "too long", id="one that is too long"),
    ],
)
async def test_a_template_that_fails_is_named_and_the_format_of_the_family_is_used(
    template: str, why: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    if template == FOR_EVER:
        monkeypatch.setattr(chat_template, "RENDER_S", 0.5)
    with caplog.at_level(logging.WARNING):
        made = await prompt_of(template, model="Qwen2.5-7B")
    assert made == Prompt(CHATML.join(TALK), CHATML.ends, in_thinking=False)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "The chat template of Qwen2.5-7B makes no prompt" in said
    assert why in said
    assert "ChatML" in said


async def test_a_template_that_hangs_is_not_tried_twice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chat_template, "RENDER_S", 0.2)
    async with rendering() as child:
        made = ChatTemplate(child, ToldTemplate(FOR_EVER), CHATML, "m")
        for _ in range(3):
            assert (await made.prompt(TALK, thinking=True)).text == CHATML.join(TALK)
        monkeypatch.undo()
        assert await child.render("{{ a }}", {"a": "b"}, 10) == "b"  # the process was replaced


async def test_a_conversation_that_a_template_refuses_says_nothing_of_the_next(caplog: pytest.LogCaptureFixture):
    template = "{% if messages|length > 3 %}{{ raise_exception('long') }}{% endif %}{{ messages[-1].content }}"
    async with rendering() as child:
        made = ChatTemplate(child, ToldTemplate(template), CHATML, "m")
        for _ in range(2):
            assert (await made.prompt((*TALK, *TALK[2:]), thinking=True)).text.startswith("<|im_start|>")
        assert (await made.prompt(TALK[3:], thinking=True)).text == "Bye?"
    assert len(caplog.records) == 1


async def test_who_leaves_while_a_template_is_rendered_gets_in_nobodys_way():
    async with rendering() as child:
        with anyio.move_on_after(0.3):
            await child.render(FOR_EVER, {}, 10)
        assert await child.render("{{ a }}", {"a": "b"}, 10) == "b"


async def test_many_at_once_get_their_own_answers():
    async with rendering() as child:
        texts: list[str] = []

        async def one(number: int) -> None:
            assert await child.render("{{ n }}", {"n": number}, 10) == str(number)
            texts.append(str(number))

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
    assert len(texts) == 20


async def test_without_a_process_there_is_no_template(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with rendering() as child:
        with pytest.raises(TemplateFails):
            await child.render("{{ a }}", {"a": "b"}, 10)
