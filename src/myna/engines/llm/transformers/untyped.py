"""Names for what PyTorch and transformers give: they are not installed where types are checked."""

from typing import Any, TypeAlias

Torch: TypeAlias = Any
"""The module ``torch``."""
Tensor: TypeAlias = Any
Untyped: TypeAlias = Any
"""Anything else of theirs."""
