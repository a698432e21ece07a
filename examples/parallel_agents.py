"""Two agents at the same time, in one event loop, on one model; what they say never mixes.

python examples/parallel_agents.py
"""

import asyncio

import myna

ASKED = {
    "诗人": ("你是诗人，只用中文，用两句话回答。", "月亮是什么样的？"),
    "scientist": ("You are a scientist. Answer in one sentence, in English.", "What is the moon?"),
}


async def ask(name: str, instructions: str, question: str) -> tuple[str, str]:
    """One agent's answer; each piece is shown as it comes, with who says it."""
    agent = myna.Agent(instructions=instructions)
    stream = agent.astream(question)
    async for piece in stream:
        print(f"[{name}] {piece}", flush=True)
    return name, stream.reply.text


async def main() -> None:
    """Ask both, and show the two answers whole."""
    for name, text in await asyncio.gather(*(ask(name, *asked) for name, asked in ASKED.items())):
        print(f"\n{name}: {text}")


if __name__ == "__main__":
    asyncio.run(main())
