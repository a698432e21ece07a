"""All benchmarks, one after another: ``python -m benchmarks``."""

from benchmarks import asr, startup, tts

for benchmark in (asr, tts, startup):
    print(f"\n== {benchmark.__name__}")
    benchmark.main()
