r"""A chat in the terminal that streams, and remembers what was said.

python examples/streaming_chat.py
printf '你会哪些技能？\nIn English, please.\n' | python examples/streaming_chat.py
"""

import sys

import myna


def main() -> None:
    """Answer line by line, until the input ends (Ctrl-D)."""
    llm = myna.LLM()
    history: list[tuple[str, str]] = []
    for line in sys.stdin:
        if question := line.strip():
            stream = llm.stream(question, history=history, system="Answer in one or two sentences.")
            for piece in stream:
                print(piece, end="", flush=True)
            print(f"\n[first words after {stream.reply.timings.first_piece_ms:.0f} ms]\n")
            history.append((question, stream.reply.text))


if __name__ == "__main__":
    main()
