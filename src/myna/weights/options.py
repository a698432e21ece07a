"""The ``[weights]`` section of the settings."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class WeightsOptions(BaseModel):
    """Which set of models is used, where its files are asked for, and how long a source may keep us waiting."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    set: Literal["starter", "standard", "gpu"] = Field(
        default="starter",
        description="Which models the engines load where their own sections name none; `gpu` also has the engine "
        "transformers answer. `myna models use` changes it.",
    )
    hf_endpoint: str = Field(default="https://huggingface.co", description="The Hugging Face hub, or a mirror of it.")
    modelscope_endpoint: str = Field(default="https://www.modelscope.cn", description="ModelScope.")
    # With the start of pip or npm, which takes about half a second, an unreachable source is skipped within 3 s.
    connect_s: float = Field(default=2.5, gt=0, description="For a source to answer, in seconds.")
    idle_s: float = Field(default=60.0, gt=0, description="For a download to go on, in seconds.")
