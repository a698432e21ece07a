"""The section ``[transformers]``."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

GIB = 1 << 30


class TransformersOptions(BaseModel):
    """A Hugging Face model in this process, for a GPU.

    There is no ``trust_remote_code``: it has whoever can write a model's folder run Python here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4",
        description="A name in the catalog or of the Hugging Face hub, the path of a folder, or that of a GGUF file.",
    )
    fallback_model: str | None = Field(
        default="Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4",
        description="The smaller one that is loaded where `model` does not fit into the GPU's memory; empty: none.",
    )
    context_tokens: int | None = Field(
        default=None,
        ge=512,
        le=1 << 20,
        description="The longest prompt and answer together. Left out, what the model can and the GPU holds, 16384 at "
        "most.",
    )
    slots: int = Field(
        default=4, ge=1, le=64, description="How many replies take turns, a token each, on the GPU; others wait."
    )
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = Field(
        default="auto", description="What it computes with; `auto` is the model's own on a GPU, float32 on a CPU."
    )
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = Field(
        default="auto", description="`auto` is flash_attention_2 where that is installed and can be used, else sdpa."
    )
    device_map: str = Field(
        default="auto", description="Which GPU holds what: `auto` spreads the model over all, `cuda:1` takes one."
    )
    max_gpu_memory_gib: float | None = Field(
        default=None,
        gt=0,
        description="How much of each GPU weights may take, in GiB; left out, what is free.",
    )
    reserve_gib: float = Field(
        default=4.0, ge=0, description="How much of the GPU's memory stays free for ASR and TTS, in GiB."
    )
    repeat_penalty: float | None = Field(
        default=None,
        ge=0.5,
        le=2,
        description="Above 1 keeps models from repeating; left out, as the model says.",
    )
    load_timeout_s: float = Field(default=600.0, gt=0, description="How long loading a model may take.")

    @field_validator("fallback_model")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None
