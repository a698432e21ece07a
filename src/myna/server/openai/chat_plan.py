"""From the body of a chat completion to what the LLM is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from myna.core.emotion import Emotions
from myna.core.messages import Message as KeptMessage
from myna.core.tools import NamedTool, ToolCall, ToolSpec
from myna.engines.base import LLM, LLMInfo, LLMMessage, LLMRequest, Sampling
from myna.engines.llm.chat_completions import ANY_OBJECT
from myna.personas.model import Persona
from myna.server.errors import BadParameter, Unsupported
from myna.server.history import message_told
from myna.server.openai.chat_body import ChatBody, Message, ResponseFormat
from myna.server.openai.models import OF_PERSONA, persona_meant
from myna.server.service import Service
from myna.session.bounds import within
from myna.session.budget import Budget, fit
from myna.session.history import recent
from myna.session.prompt import build_prompt

NOT_HONOURED = ("logprobs", "top_logprobs", "logit_bias", "audio", "functions", "function_call", "web_search_options")
"""Parameters that change what an answer is, and that Myna cannot do. Other unknown ones are left alone."""


def _forget(_display: str, _raw: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Plan:
    """What a body comes to.

    Attributes:
        model: The name to answer with.
        emotions: What a persona's reply may show; None for the LLM as it is, whose words go out as they are.
        choices: How many answers are wanted.
        keep: Is told what was shown of a persona's reply, and what the model wrote.
    """

    model: str
    request: LLMRequest
    emotions: Emotions | None
    choices: int
    keep: Callable[[str, str], None] = _forget

    def request_of(self, choice: int) -> LLMRequest:
        """The request for one of the answers. A seed must not make them all the same."""
        sampling = self.request.sampling
        if sampling.seed is None:
            return self.request
        return replace(self.request, sampling=replace(sampling, seed=sampling.seed + choice))


async def plan_for(service: Service, body: ChatBody, llm: LLM) -> Plan:
    """What the LLM is asked for ``body``.

    Raises:
        ModelNotFound: There is no such model.
        BadInput: Fields contradict each other, or ask for what cannot be done; a `BadParameter` names the field.
    """
    persona = persona_meant(service, body.model)
    _check_extras(body.model_extra or {})
    for index, message in enumerate(body.messages):
        _check_message(message, f"messages[{index}]")
    tools = _tools(body, llm.info, persona)
    choice = body.tool_choice or "auto"
    if choice == "required" and not tools:
        raise BadParameter("tool_choice needs tools.", param="tool_choice")
    if isinstance(choice, NamedTool) and choice.name not in {tool.name for tool in tools}:
        raise BadParameter("tool_choice names a tool that is not among the tools.", param="tool_choice")
    request = LLMRequest(
        messages=tuple(_llm_message(message) for message in body.messages),
        sampling=_sampling(body, service.settings.llm.sampling()),
        tools=tools,
        tool_choice=choice,
        output_schema=_schema(body.response_format, llm.info),
        reasoning=body.reasoning_effort not in {"none", "minimal"},
    )
    plan = Plan(llm.info.model, request, None, body.n or 1)
    return plan if persona is None else await _as_persona(plan, persona, service, body, llm)


async def _as_persona(plan: Plan, persona: Persona, service: Service, body: ChatBody, llm: LLM) -> Plan:
    """``plan`` with the persona's prompt around what the user and the assistant said."""
    system = "\n\n".join(_text(message) for message in body.messages if message.role in {"system", "developer"})
    options = service.session_options(persona, system_prompt=system or None)
    *earlier, newest = _talk(body.messages)
    if newest.role != "user" or not _text(newest).strip():
        raise BadParameter("The last of the messages is not the user's.", param="messages")

    def told(message: Message) -> KeptMessage:
        return message_told(message.role, _text(message), service.raw_replies, persona.id)

    prompt = build_prompt(
        persona,
        recent([told(message) for message in earlier], options.max_history_rounds),
        _text(newest),
        emotions=options.emotions,
        template=options.prompt_template,
        system=options.preferences.instructions,
    )
    sampling = _sampling(body, options.sampling)
    budget = Budget.of(llm.info, sampling, service.settings.session.max_context_tokens)
    fitted = await within(options.limits.first_token_s, fit(prompt, llm, budget), f"The LLM {llm.info.model}")
    request = replace(plan.request, messages=fitted.messages, sampling=budget.sampling(sampling))

    def keep(display: str, raw: str) -> None:
        service.raw_replies.keep(persona.id, display, raw)

    return replace(plan, model=f"{OF_PERSONA}{persona.id}", request=request, emotions=options.emotions, keep=keep)


def _talk(messages: Sequence[Message]) -> list[Message]:
    talk = [message for message in messages if message.role in {"user", "assistant"}]
    if not talk:
        raise BadParameter("There is no message of the user's.", param="messages")
    if any(message.role == "tool" or message.tool_calls for message in messages):
        raise Unsupported("A persona calls no tools of the client's.", param="messages", hint="Ask the model myna.")
    return talk


def _text(message: Message) -> str:
    return message.content or ""


def _check_extras(extras: Mapping[str, Any]) -> None:
    for name in NOT_HONOURED:
        if extras.get(name) not in (None, False, 0, {}, [], "none"):
            raise Unsupported(f"{name} is not supported.", param=name, hint="Leave it out.")
    if (extras.get("modalities") or ["text"]) != ["text"]:
        raise Unsupported("Only the modality text is supported.", param="modalities", hint="Leave it out.")


def _check_message(message: Message, place: str) -> None:
    if message.content is None and not message.tool_calls:
        raise BadParameter(f"{place} has no content.", param=f"{place}.content")
    if message.tool_calls and message.role != "assistant":
        raise BadParameter(f"{place} calls tools, and only the assistant does.", param=f"{place}.tool_calls")
    if (message.role == "tool") != (message.tool_call_id is not None):
        wrong = "says no call that it answers" if message.role == "tool" else "answers a call, and only a tool does"
        raise BadParameter(f"{place} {wrong}.", param=f"{place}.tool_call_id")


def _tools(body: ChatBody, llm: LLMInfo, persona: Persona | None) -> tuple[ToolSpec, ...]:
    if not body.tools or body.tool_choice == "none":
        return ()
    if persona is not None:
        raise Unsupported("A persona calls no tools of the client's.", param="tools", hint="Ask the model myna.")
    if not llm.native_tools:
        raise Unsupported(f"The LLM {llm.model} takes no tools.", param="tools")
    functions = [tool.function for tool in body.tools]
    if len({function.name for function in functions}) < len(functions):
        raise BadParameter("Two of the tools have the same name.", param="tools")
    return tuple(
        ToolSpec(function.name, function.description or "", function.parameters or {"type": "object", "properties": {}})
        for function in functions
    )


def _schema(form: ResponseFormat | None, llm: LLMInfo) -> Mapping[str, Any] | None:
    if form is None or form.type == "text":
        return None
    if not llm.output_schema:
        raise Unsupported(f"The LLM {llm.model} cannot be held to a form.", param="response_format")
    if form.type == "json_object":
        return ANY_OBJECT
    if form.json_schema is None:
        raise BadParameter("response_format has no json_schema.", param="response_format.json_schema")
    return form.json_schema.schema_ or ANY_OBJECT


def _sampling(body: ChatBody, configured: Sampling) -> Sampling:
    given: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": body.top_k,
        "max_tokens": body.max_completion_tokens or body.max_tokens,
        "stop": tuple(body.stop or ()),
        "seed": body.seed,
        "presence_penalty": body.presence_penalty,
        "frequency_penalty": body.frequency_penalty,
    }
    return replace(configured, **{name: value for name, value in given.items() if value is not None})


def _llm_message(message: Message) -> LLMMessage:
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
    role = "system" if message.role == "developer" else message.role
    return LLMMessage(role, _text(message), calls, message.tool_call_id)
