"""Myna: a self-hosted server that turns a language model into somebody you can talk to."""

__version__ = "0.1.0"
