"""How the best-known families of models want a conversation written, for servers that do not tell it. No I/O.

The formats are those of the models' own pages; llama.cpp and FastChat have them too:
https://github.com/ggml-org/llama.cpp/blob/master/src/llama-chat.cpp
https://github.com/lm-sys/FastChat/blob/main/fastchat/conversation.py
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from myna.engines.base import LLMMessage

NOTHING_SAID = "…"
"""What the user is taken to have said where a conversation begins with the assistant and must not."""


@dataclass(frozen=True, slots=True)
class Family:
    """A format; ``{}`` in it is the text of the message.

    Attributes:
        models: Finds the family in a model's name.
        answer: What stands before the answer that is to be written.
        system: None where the family knows no such message: it is then put before what the user says first.
        in_user: How it is put there; ``{}`` is the system message.
        begins: Stands at the beginning. Not the BOS token, which servers set.
        ends: What a turn of the assistant ends with, or what follows it.
        trims: Whether white space around messages is left out.
    """

    name: str
    models: str
    user: str
    assistant: str
    answer: str
    system: str | None = None
    in_user: str = "{}\n\n"
    begins: str = ""
    ends: tuple[str, ...] = ()
    trims: bool = False

    def join(self, messages: Sequence[LLMMessage]) -> str:
        """The prompt of a conversation of system, user and assistant messages."""
        if self.system is None:
            messages = alternating(messages, self.in_user)
        formats = {"system": self.system or "{}", "user": self.user, "assistant": self.assistant}
        written = [_put(formats[message.role], message.content, trims=self.trims) for message in messages]
        return "".join((self.begins, *written, self.answer))


CHATML = Family(
    "ChatML",
    "",
    "<|im_start|>user\n{}<|im_end|>\n",
    "<|im_start|>assistant\n{}<|im_end|>\n",
    "<|im_start|>assistant\n",
    system="<|im_start|>system\n{}<|im_end|>\n",
    ends=("<|im_end|>", "<|endoftext|>"),
)
"""What most models know, and Qwen, Yi, InternLM and Hermes were made with."""

_DEEPSEEK_END = "<｜end▁of▁sentence｜>"

FAMILIES: tuple[Family, ...] = (  # the first whose pattern is found
    Family(
        "DeepSeek V3",
        r"deepseek.*(v3|r1)",
        "<｜User｜>{}",
        f"<｜Assistant｜>{{}}{_DEEPSEEK_END}",
        "<｜Assistant｜>",
        system="{}\n\n",
        ends=(_DEEPSEEK_END, "<｜User｜>"),
    ),
    Family(
        "DeepSeek Coder",
        r"deepseek.?coder.?(1\.3|5\.7|6\.7|7|33)b",
        "### Instruction:\n{}\n",
        "### Response:\n{}\n<|EOT|>\n",
        "### Response:\n",
        system="{}\n",
        ends=("<|EOT|>", "### Instruction:"),
    ),
    Family(
        "DeepSeek",
        r"deepseek",
        "User: {}\n\n",
        f"Assistant: {{}}{_DEEPSEEK_END}",
        "Assistant:",
        system="{}\n\n",
        ends=(_DEEPSEEK_END, "\nUser:"),
    ),
    Family(
        "ChatGLM3",
        r"chatglm.?3",
        "<|user|>\n {}",
        "<|assistant|>\n {}",
        "<|assistant|>",
        system="<|system|>\n {}",
        begins="[gMASK]sop",
        ends=("<|user|>", "<|observation|>"),
    ),
    Family(
        "GLM-4",
        r"glm.?4",
        "<|user|>\n{}",
        "<|assistant|>\n{}",
        "<|assistant|>\n",
        system="<|system|>\n{}",
        begins="[gMASK]<sop>",
        ends=("<|user|>", "<|observation|>", "<|endoftext|>"),
    ),
    Family(
        "Vicuna",
        r"vicuna|wizardlm",
        "USER: {} ",
        "ASSISTANT: {}</s>",
        "ASSISTANT:",
        system="{} ",
        ends=("</s>", "USER:"),
    ),
    Family(
        "Phi-3",
        r"phi.?3|phi.?4.?mini",
        "<|user|>\n{}<|end|>\n",
        "<|assistant|>\n{}<|end|>\n",
        "<|assistant|>\n",
        system="<|system|>\n{}<|end|>\n",
        ends=("<|end|>", "<|endoftext|>"),
    ),
    Family(
        "Phi-4",
        r"phi.?4",
        "<|im_start|>user<|im_sep|>{}<|im_end|>",
        "<|im_start|>assistant<|im_sep|>{}<|im_end|>",
        "<|im_start|>assistant<|im_sep|>",
        system="<|im_start|>system<|im_sep|>{}<|im_end|>",
        ends=("<|im_end|>",),
    ),
    Family(
        "Gemma",
        r"gemma",
        "<start_of_turn>user\n{}<end_of_turn>\n",
        "<start_of_turn>model\n{}<end_of_turn>\n",
        "<start_of_turn>model\n",
        ends=("<end_of_turn>",),
        trims=True,
    ),
    Family(
        "Llama 3",
        r"llama.?3",
        "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        system="<|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>",
        ends=("<|eot_id|>", "<|end_of_text|>"),
        trims=True,
    ),
    Family(
        "Llama 2",
        r"llama.?2|codellama",
        "[INST] {} [/INST]",
        " {} </s><s>",
        "",
        in_user="<<SYS>>\n{}\n<</SYS>>\n\n",
        ends=("</s>", "[INST]"),
        trims=True,
    ),
    Family("Mistral", r"mi[sx]tral", "[INST] {} [/INST]", " {}</s>", "", ends=("</s>", "[INST]"), trims=True),
)


def family_of(model: str) -> Family:
    """The family that a model's name, or the name of its file, tells of; `CHATML` if it tells of none.

    What a model was made of may be in its name as well ("DeepSeek-R1-Distill-Llama-8B"): the format is the first's.
    """
    name = model.lower()
    return next((family for family in FAMILIES if re.search(family.models, name)), CHATML)


def alternating(messages: Sequence[LLMMessage], in_user: str = "{}\n\n") -> list[LLMMessage]:
    """The conversation as families want it that know no system message: the user begins, then they take turns.

    Args:
        messages: Of the system, the user and the assistant.
        in_user: How a system message stands before what the user says; ``{}`` is its text.
    """
    turns: list[LLMMessage] = []
    rules = ""
    for message in messages:
        if message.role == "system":
            rules += _put(in_user, message.content, trims=False)
        elif turns and turns[-1].role == message.role:
            turns[-1] = replace(message, content=f"{turns[-1].content}\n\n{message.content}")
        else:
            if not turns and message.role != "user":
                turns.append(LLMMessage("user", NOTHING_SAID))
            turns.append(message)
    if not turns:
        turns.append(LLMMessage("user", NOTHING_SAID))
    turns[0] = replace(turns[0], content=rules + turns[0].content)
    return turns


def _put(pattern: str, text: str, *, trims: bool) -> str:
    before, _, after = pattern.partition("{}")
    return f"{before}{text.strip() if trims else text}{after}"
