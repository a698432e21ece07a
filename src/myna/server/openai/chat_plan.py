"""From the body of a chat completion to what the LLM is asked."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from myna.core.ids import UserId, new_conversation_id
from myna.core.messages import Conversation
from myna.core.tools import NamedTool, ToolCall, ToolChoice, ToolSpec
from myna.engines.base import LLM, Finished, LLMInfo, LLMMessage, LLMRequest, Sampling
from myna.engines.llm.chat_completions import ANY_OBJECT
from myna.personas.model import Persona
from myna.server.errors import BadParameter, Unsupported
from myna.server.history import ToldMessage, history_told
from myna.server.openai.chat_answer import Delta
from myna.server.openai.chat_body import ChatBody, Message, ResponseFormat
from myna.server.openai.llm_answer import llm_answer
from myna.server.openai.models import OF_PERSONA, persona_meant
from myna.server.openai.persona_answer import PersonaAsked, persona_answer
from myna.server.service import Service
from myna.session.options import SessionOptions
from myna.tools.base import Strategy, Toolset, Work

NOT_HONOURED = ("logprobs", "top_logprobs", "logit_bias", "audio", "functions", "function_call", "web_search_options")
"""Parameters that change what an answer is, and that Myna cannot do. Other unknown ones are left alone."""

MOST_TRIES = 2
"""A model that says nothing is asked again."""

_TALK = ("user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a body comes to.

    Attributes:
        model: The name to answer with.
        choices: How many answers are wanted.
        answer: Makes one of them: what it adds to its message, piece by piece, and at last how it ended.
        answer_s: How long one may take.
    """

    model: str
    choices: int
    answer: Callable[[int], AsyncGenerator[Delta | Finished]]
    answer_s: float


async def plan_for(service: Service, body: ChatBody, caller: str, user_id: UserId) -> Plan:
    """What is done for ``body``.

    Args:
        service: Who answers.
        body: What is asked.
        caller: Who asks, as far as a key of the API tells.
        user_id: Whose key that is.

    Raises:
        ModelNotFound: There is no such model.
        BadInput: Fields contradict each other, or ask for what cannot be done; a `BadParameter` names the field.
        EngineUnavailable: The LLM still loads.
    """
    llm = service.engines.llm
    persona = persona_meant(service, body.model)
    _check_extras(body.model_extra or {})
    for index, message in enumerate(body.messages):
        _check_message(message, f"messages[{index}]")
    tools, schema = _tools(body, llm.info), _schema(body.response_format, llm.info)
    if persona is None:
        return _as_it_is(service, body, llm, tools, schema)
    return _as_persona(service, body, _asked(service, body, persona, caller, user_id), tools, schema)


def _as_it_is(
    service: Service, body: ChatBody, llm: LLM, tools: tuple[ToolSpec, ...], schema: Mapping[str, Any] | None
) -> Plan:
    limits = service.settings.session.limits()
    choice = body.tool_choice or "auto"
    _check_choice(choice, {tool.name for tool in tools})
    request = LLMRequest(
        messages=tuple(_llm_message(message) for message in body.messages),
        sampling=_sampling(body, service.settings.llm.sampling()),
        tools=tools,
        tool_choice=choice,
        parallel_calls=body.parallel_tool_calls is not False,
        output_schema=schema,
        reasoning=_reasons(body),
    )

    async def answer(place: int) -> AsyncGenerator[Delta | Finished]:
        asked = replace(request, sampling=_of_choice(request.sampling, place))
        with service.talking():
            async with aclosing(llm_answer(llm, asked, limits)) as deltas:
                async for delta in deltas:
                    yield delta

    return Plan(llm.info.model, body.n or 1, answer, limits.reply_s)


def _asked(service: Service, body: ChatBody, persona: Persona, caller: str, user_id: UserId) -> PersonaAsked:
    """What a persona is asked: the messages are the history, and a system message takes the place of its prompt."""
    system = "\n\n".join(_text(message) for message in body.messages if message.role in {"system", "developer"})
    options = service.session_options(persona, system_prompt=system or None)
    talk = [(index, message) for index, message in enumerate(body.messages) if message.role in _TALK]
    if not any(message.role == "user" for _, message in talk):
        raise BadParameter("There is no message of the user's.", param="messages")
    _, newest = talk[-1]
    if newest.role == "assistant" or (newest.role == "user" and not _text(newest).strip()):
        raise BadParameter("The last of the messages is not the user's.", param="messages")
    called: set[str] = set()
    for index, message in talk:
        called.update(call.id for call in message.tool_calls or ())
        if message.tool_call_id is not None and message.tool_call_id not in called:
            raise BadParameter(
                f"messages[{index}] answers a call that is in no message before it.",
                param=f"messages[{index}].tool_call_id",
            )
    history = history_told([_told(message) for _, message in talk], service.raw_replies, persona.id, caller)
    private = body.myna is not None and body.myna.private
    conversation = Conversation(new_conversation_id(), persona.id, user_id, private=private)
    return PersonaAsked(persona, conversation, replace(options, sampling=_sampling(body, options.sampling)), history)


def _as_persona(
    service: Service,
    body: ChatBody,
    asked: PersonaAsked,
    tools: tuple[ToolSpec, ...],
    schema: Mapping[str, Any] | None,
) -> Plan:
    choice = body.tool_choice or "auto"
    offered = asked.options.tools.without([tool.name for tool in tools])
    _check_choice(choice, {tool.name for tool in (*tools, *offered.specs)})
    if (body.n or 1) > 1 and choice != "none" and offered.specs:
        raise Unsupported(
            f"{asked.persona.id} has tools, and n is {body.n}: they would run once for each choice.",
            param="n",
            hint="Ask for one choice, or set tool_choice to none.",
        )
    parallel = body.parallel_tool_calls is not False
    chosen = replace(asked.options.preferences, tools=tools, tool_choice=choice, parallel_calls=parallel)
    options = replace(asked.options, preferences=chosen)
    if schema is not None or not _reasons(body):
        options = replace(options, strategy=_formed(options.strategy, schema, reasoning=_reasons(body)))

    def answer(place: int) -> AsyncGenerator[Delta | Finished]:
        sampling = _of_choice(options.sampling, place)
        return persona_answer(service, replace(asked, options=replace(options, sampling=sampling)))

    return Plan(f"{OF_PERSONA}{asked.persona.id}", body.n or 1, answer, _longest_s(options, offered))


def _formed(strategy: Strategy, schema: Mapping[str, Any] | None, *, reasoning: bool) -> Strategy:
    """``strategy``, with what a body says of the answer that no session knows."""

    async def formed(request: LLMRequest, work: Work) -> None:
        await strategy(replace(request, output_schema=schema, reasoning=reasoning), work)

    return formed


def _longest_s(options: SessionOptions, tools: Toolset) -> float:
    """How long an answer may take in which every tool and the LLM take as long as they may."""
    slowest = max((tool.timeout_s for spec in tools.specs if (tool := tools.find(spec.name))), default=None)
    asking_s = MOST_TRIES * options.limits.reply_s
    return asking_s if slowest is None else asking_s + options.most_rounds * (asking_s + slowest)


def _of_choice(sampling: Sampling, choice: int) -> Sampling:
    """How one of the answers is drawn. A seed must not make them all the same."""
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + choice)


def _reasons(body: ChatBody) -> bool:
    return body.reasoning_effort not in {"none", "minimal"}


def _told(message: Message) -> ToldMessage:
    role = "tool" if message.role == "tool" else "assistant" if message.role == "assistant" else "user"
    return ToldMessage(role, _text(message), _calls(message), message.tool_call_id or "")


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


def _check_choice(choice: ToolChoice, names: Collection[str]) -> None:
    if choice == "required" and not names:
        raise BadParameter("tool_choice needs tools.", param="tool_choice")
    if isinstance(choice, NamedTool) and choice.name not in names:
        raise BadParameter("tool_choice names a tool that is not among the tools.", param="tool_choice")


def _tools(body: ChatBody, llm: LLMInfo) -> tuple[ToolSpec, ...]:
    """The client's."""
    functions = [tool.function for tool in body.tools or ()]
    if body.tool_choice not in (None, "auto", "none") and not (llm.native_tools or llm.output_schema):
        raise Unsupported(f"The LLM {llm.model} cannot be made to call a tool.", param="tool_choice")
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
    role = "system" if message.role == "developer" else message.role
    return LLMMessage(role, _text(message), _calls(message), message.tool_call_id)


def _calls(message: Message) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
