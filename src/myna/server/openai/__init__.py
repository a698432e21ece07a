"""OpenAI's HTTP API, as far as its official SDKs use it: https://platform.openai.com/docs/api-reference."""
