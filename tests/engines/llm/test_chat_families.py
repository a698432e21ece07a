import pytest

from myna.engines.base import LLMMessage
from myna.engines.llm.chat_families import CHATML, FAMILIES, NOTHING_SAID, Family, alternating, family_of

SYSTEM = LLMMessage("system", "Be {kind}.")
USER = LLMMessage("user", "你好 ")
ASSISTANT = LLMMessage("assistant", "Hi {}!")
AGAIN = LLMMessage("user", "Bye?")
TALK = (SYSTEM, USER, ASSISTANT, AGAIN)

WRITTEN = {  # as the models' own pages have it
    "ChatML": "<|im_start|>system\nBe {kind}.<|im_end|>\n<|im_start|>user\n你好 <|im_end|>\n"
    "<|im_start|>assistant\nHi {}!<|im_end|>\n<|im_start|>user\nBye?<|im_end|>\n<|im_start|>assistant\n",
    "Llama 3": "<|start_header_id|>system<|end_header_id|>\n\nBe {kind}.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n你好<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nHi {}!<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nBye?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "Llama 2": "[INST] <<SYS>>\nBe {kind}.\n<</SYS>>\n\n你好 [/INST] Hi {}! </s><s>[INST] Bye? [/INST]",
    "Mistral": "[INST] Be {kind}.\n\n你好 [/INST] Hi {}!</s>[INST] Bye? [/INST]",
    "Gemma": "<start_of_turn>user\nBe {kind}.\n\n你好<end_of_turn>\n<start_of_turn>model\nHi {}!<end_of_turn>\n"
    "<start_of_turn>user\nBye?<end_of_turn>\n<start_of_turn>model\n",
    "Phi-3": "<|system|>\nBe {kind}.<|end|>\n<|user|>\n你好 <|end|>\n<|assistant|>\nHi {}!<|end|>\n"
    "<|user|>\nBye?<|end|>\n<|assistant|>\n",
    "Phi-4": "<|im_start|>system<|im_sep|>Be {kind}.<|im_end|><|im_start|>user<|im_sep|>你好 <|im_end|>"
    "<|im_start|>assistant<|im_sep|>Hi {}!<|im_end|><|im_start|>user<|im_sep|>Bye?<|im_end|>"
    "<|im_start|>assistant<|im_sep|>",
    "DeepSeek V3": "Be {kind}.\n\n<｜User｜>你好 <｜Assistant｜>Hi {}!<｜end▁of▁sentence｜>"
    "<｜User｜>Bye?<｜Assistant｜>",
    "DeepSeek": "Be {kind}.\n\nUser: 你好 \n\nAssistant: Hi {}!<｜end▁of▁sentence｜>User: Bye?\n\nAssistant:",
    "DeepSeek Coder": "Be {kind}.\n### Instruction:\n你好 \n### Response:\nHi {}!\n<|EOT|>\n"
    "### Instruction:\nBye?\n### Response:\n",
    "ChatGLM3": "[gMASK]sop<|system|>\n Be {kind}.<|user|>\n 你好 <|assistant|>\n Hi {}!<|user|>\n Bye?<|assistant|>",
    "GLM-4": "[gMASK]<sop><|system|>\nBe {kind}.<|user|>\n你好 <|assistant|>\nHi {}!<|user|>\nBye?<|assistant|>\n",
    "Vicuna": "Be {kind}. USER: 你好  ASSISTANT: Hi {}!</s>USER: Bye? ASSISTANT:",
}


@pytest.mark.parametrize("family", [CHATML, *FAMILIES], ids=lambda family: family.name)
def test_a_conversation_is_written_as_its_family_has_it(family: Family):
    assert family.join(TALK) == WRITTEN[family.name]
    assert family.ends


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Qwen2.5-7B-Instruct-Q4_K_M.gguf", "ChatML"),
        ("", "ChatML"),
        ("Meta-Llama-3.1-8B-Instruct", "Llama 3"),
        ("llama3:8b", "Llama 3"),
        ("llama-2-7b-chat.Q4_0.gguf", "Llama 2"),
        ("CodeLlama-13b-Instruct", "Llama 2"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "Mistral"),
        ("gemma-2-9b-it", "Gemma"),
        ("Phi-3.5-mini-instruct", "Phi-3"),
        ("Phi-4-mini-instruct", "Phi-3"),
        ("phi-4", "Phi-4"),
        ("deepseek-coder-6.7b-instruct", "DeepSeek Coder"),
        ("DeepSeek-V2-Lite-Chat", "DeepSeek"),
        ("DeepSeek-R1-Distill-Llama-8B", "DeepSeek V3"),
        ("chatglm3-6b", "ChatGLM3"),
        ("glm-4-9b-chat", "GLM-4"),
        ("vicuna-13b-v1.5", "Vicuna"),
    ],
)
def test_a_name_tells_the_family(model: str, family: str):
    assert family_of(model).name == family


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ((), [("user", NOTHING_SAID)]),
        ((SYSTEM,), [("user", f"Be {{kind}}.\n\n{NOTHING_SAID}")]),
        ((ASSISTANT, AGAIN), [("user", NOTHING_SAID), ("assistant", "Hi {}!"), ("user", "Bye?")]),
        ((USER, AGAIN), [("user", "你好 \n\nBye?")]),
        ((USER, SYSTEM, AGAIN), [("user", "Be {kind}.\n\n你好 \n\nBye?")]),
    ],
)
def test_where_no_system_message_is_known_the_user_begins_and_they_take_turns(
    messages: tuple[LLMMessage, ...], turns: list[tuple[str, str]]
):
    assert [(turn.role, turn.content) for turn in alternating(messages)] == turns
