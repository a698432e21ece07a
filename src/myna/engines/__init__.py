"""Who does the work: an engine is an implementation of VAD, turn detector, ASR, LLM, TTS or embedder."""
