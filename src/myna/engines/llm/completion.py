"""llama.cpp's own ``POST /completion`` as data, for servers without chat completions: requests and answers. No I/O.

Old servers and new ones: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from myna.engines.base import Finished, LLMDelta, LLMRequest, TextDelta, Usage
from myna.engines.llm.chat_completions import ErrorObject
from myna.engines.llm.chat_template import Prompt
from myna.engines.llm.sse import NotAnAnswer

THINKING = "<think>\n"
"""Opens the block of an answer whose prompt has opened it, so that nobody takes what follows for the answer."""


def encode_completion(request: LLMRequest, prompt: Prompt, *, model: str | None) -> dict[str, Any]:
    """The body of ``POST /completion``. Servers pass over what they do not know."""
    sampling = request.sampling
    given: dict[str, Any] = {
        "model": model,
        "n_predict": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": [list(each) for each in sampling.bias] or None,
        "stop": list(dict.fromkeys((*sampling.stop, *prompt.stop))) or None,
        "json_schema": request.output_schema,
        "repeat_penalty": None if request.output_schema is None else 1.0,  # JSON repeats its keys and quotes
    }
    return {
        "prompt": prompt.text,
        "stream": True,
        "cache_prompt": sampling.seed is None,  # not what old servers do by themselves; and see `encode`
        "return_progress": True,  # as there
        **{name: value for name, value in given.items() if value is not None},
    }


class _Timings(BaseModel):
    prompt_n: int | None = None


class _Event(BaseModel):
    content: str | None = None
    stop: bool | None = None
    stop_type: str | None = None  # since the end of 2024
    stopped_limit: bool | None = None  # until then
    tokens_evaluated: int | None = None
    tokens_predicted: int | None = None
    timings: _Timings | None = None
    error: JsonValue = None


class CompletionDecoder:
    """Takes the events of one answer in order, gives its deltas; as `ReplyDecoder`, which see.

    Args:
        in_thinking: Whether the answer begins inside a block of thinking.
    """

    def __init__(self, *, in_thinking: bool = False) -> None:
        self.started = False
        self.done = False
        self._before = THINKING if in_thinking else ""
        self._last = _Event()

    def feed(self, data: bytes) -> list[LLMDelta]:
        """The deltas that are in the JSON of an event, or of a whole answer.

        Raises:
            ErrorObject: It is an error.
            NotAnAnswer: It is neither an event nor an error.
        """
        try:
            event = _Event.model_validate_json(data)
        except ValidationError as error:
            raise NotAnAnswer(f"{data[:80]!r}") from error
        if event.error is not None:
            raise ErrorObject(event.error)
        if event.content is None and event.stop is None:
            raise NotAnAnswer(f"{data[:80]!r}")
        self.started = True
        if event.stop or event.stop is None:  # a server that does not stream may leave it out
            self.done = True
            self._last = event
        if not event.content:
            return []
        text, self._before = self._before + event.content, ""
        return [TextDelta(text)]

    @property
    def whole(self) -> bool:
        """Whether nothing of the answer is missing, should the stream end here."""
        return self.done

    def finished(self) -> Finished:
        """The item that ends the stream."""
        last = self._last
        reason = "length" if last.stop_type == "limit" or last.stopped_limit else "stop"
        if last.tokens_evaluated is None:
            return Finished(reason)
        read = last.timings.prompt_n if last.timings else None
        cached = None if read is None else max(0, last.tokens_evaluated - read)
        return Finished(reason, Usage(last.tokens_evaluated, last.tokens_predicted or 0, cached))
