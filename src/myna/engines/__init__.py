"""Who does the work: an engine is an implementation of VAD, turn detector, ASR, LLM, TTS or embedder."""

import os

# The matrices that numpy multiplies here are small. Several threads gain nothing, and where other work holds the cores
# they wait for each other: 12 ms instead of 0.1 for the features of an utterance. OpenBLAS reads it as numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
