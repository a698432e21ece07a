"""A Hugging Face model in this process, on PyTorch: the engine ``transformers``."""
