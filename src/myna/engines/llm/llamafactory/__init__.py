"""LLaMA-Factory on a machine that is reached by SSH: a base model, and mostly an adapter that was trained for it."""
