"""An agent to talk with: it hears a file, looks at the clock, and speaks its answer into another file.

    myna say "What time is it now?" -o question.wav
    python examples/voice_agent.py question.wav answer.wav

With a microphone instead of files: put the tool into a file in the folder ``tools`` beside ``myna.toml``, name it in a
persona, and run ``myna talk``.
"""

import sys
from datetime import datetime
from pathlib import Path

import myna


@myna.tool
def get_current_time() -> str:
    """Get the current date and the time of day."""
    return f"It is {datetime.now():%H:%M on %A, %d %B %Y}."  # noqa: DTZ005 - the user's own clock is meant


def main(question: Path, answer: Path) -> None:
    """Hear ``question``, and write the spoken ``answer``."""
    agent = myna.Agent(tools=[get_current_time], instructions="你是语音助手 Myna. Answer in one short sentence.")
    with myna.Session(agent) as session:
        turn = session.ask(question).wait()
        print(f"You: {turn.transcript}")
        for call in turn.tool_calls:
            print(f"[{call.name} → {call.result}, {call.took_ms:.0f} ms]")
        print(f"Myna, {turn.emotion}: {turn.text}")
        turn.save(answer)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
