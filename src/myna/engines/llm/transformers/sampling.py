"""Draws tokens on the device, as ``generate`` of transformers does, and with OpenAI's penalties besides."""

from collections.abc import Sequence
from typing import cast

from myna.engines.llm.transformers.model import Drawing, Scores
from myna.engines.llm.transformers.untyped import Tensor, Torch, Untyped

LEAST_TEMPERATURE = 1e-4
"""Below it the likeliest is taken."""


class TorchDrawer:
    """A `myna.engines.llm.transformers.model.Drawer`.

    Args:
        torch: The module.
        drawing: How.
        prompt: The tokens of the prompt; the repeat penalty counts them too.
        vocabulary: How many tokens there are.
        device: Where the logits are.
    """

    def __init__(self, torch: Torch, drawing: Drawing, prompt: Sequence[int], vocabulary: int, device: Untyped) -> None:
        self._torch = torch
        self._drawing = drawing
        self._generator: Untyped = torch.Generator(device)
        if drawing.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(drawing.seed % (1 << 63))
        self._seen: Tensor = None  # tokens of prompt and answer
        self._times: Tensor = None  # how often the answer has each token
        if drawing.repeat_penalty != 1:
            self._seen = torch.zeros(vocabulary, dtype=torch.bool, device=device)
            self._seen[torch.tensor(list(prompt), dtype=torch.long, device=device)] = True
        if drawing.presence_penalty or drawing.frequency_penalty:
            self._times = torch.zeros(vocabulary, dtype=torch.float32, device=device)

    def draw(self, scores: Scores) -> int:
        """The next token."""
        with self._torch.inference_mode():
            token = self._draw(self._penalised(cast(Tensor, scores).float()))
            if self._seen is not None:
                self._seen[token] = True
            if self._times is not None:
                self._times[token] += 1
            return int(token.item())

    def _penalised(self, logits: Tensor) -> Tensor:
        torch, drawing = self._torch, self._drawing
        if self._seen is not None:
            size = drawing.repeat_penalty
            less = torch.where(logits > 0, logits / size, logits * size)
            logits = torch.where(self._seen, less, logits)
        if self._times is not None:
            logits = logits - drawing.frequency_penalty * self._times
            logits = logits - drawing.presence_penalty * (self._times > 0)
        return logits

    def _draw(self, logits: Tensor) -> Tensor:
        torch, drawing = self._torch, self._drawing
        if drawing.temperature < LEAST_TEMPERATURE:
            return logits.argmax()
        count = min(drawing.top_k, logits.shape[-1]) if drawing.top_k > 0 else logits.shape[-1]
        if count == logits.shape[-1] and drawing.top_p >= 1:
            return torch.multinomial(torch.softmax(logits / drawing.temperature, -1), 1, generator=self._generator)[0]
        best, tokens = torch.topk(logits / drawing.temperature, count)  # sorted, the likeliest first
        likely = torch.softmax(best, -1)
        if drawing.top_p < 1:
            before = likely.cumsum(-1) - likely
            likely = torch.where(before < drawing.top_p, likely, 0.0)  # the likeliest always stays
        return tokens[torch.multinomial(likely, 1, generator=self._generator)[0]]
