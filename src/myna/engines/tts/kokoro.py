"""STUB (lead): replaced by the TTS helper's real engine."""
from contextlib import asynccontextmanager
import numpy as np
from pydantic import BaseModel
from myna.engines.base import Speech, TTSInfo, Voice
class KokoroOptions(BaseModel):
    model: str = "kokoro-v1.0"
class T:
    info = TTSInfo("kokoro-v1.0", 24000, frozenset({"zh","en"}), (Voice("af_heart",("en",),"female"),), False)
    async def synthesize(self, text, style, *, language=None):
        yield Speech(np.zeros(24000, np.float32))
class P:
    options_model = KokoroOptions
    def weights(self, o): return (o.model,)
    @asynccontextmanager
    async def open(self, o, r):
        yield T()
plugin = P()
