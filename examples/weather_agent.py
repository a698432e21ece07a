"""An agent with two tools, that streams its answers and shows its calls.

    python examples/weather_agent.py
    python examples/weather_agent.py "What will the weather be in Paris over the next 3 days?"
    python examples/weather_agent.py --strategy react "东京现在天气怎么样？"

The weather is made up: put a call of a weather service in its place.
"""

import argparse
from typing import Literal

import myna

Unit = Literal["celsius", "fahrenheit"]

QUESTIONS = ("What is the weather in Tokyo?", "未来三天杭州的天气怎么样？")


def degrees(place: str, day: int, unit: Unit) -> int:
    """How warm it is, as far as letters can tell: 22 °C in Tokyo today."""
    celsius = 8 + (sum(map(ord, place)) + day) % 26
    return celsius if unit == "celsius" else round(celsius * 9 / 5 + 32)


@myna.tool
def get_current_weather(location: str, unit: Unit = "celsius") -> dict[str, str | int]:
    """Get the current weather in a given location.

    Args:
        location: The city, e.g. San Francisco.
        unit: The temperature unit to use.
    """
    return {"location": location, "temperature": degrees(location, 0, unit), "unit": unit}


@myna.tool
def get_n_day_weather_forecast(location: str, num_days: int, unit: Unit = "celsius") -> dict[str, object]:
    """Get an N-day weather forecast.

    Args:
        location: The city, e.g. San Francisco.
        num_days: The number of days to forecast.
        unit: The temperature unit to use.
    """
    days = [{"day": day, "temperature": degrees(location, day, unit)} for day in range(1, num_days + 1)]
    return {"location": location, "unit": unit, "days": days}


def show(step: myna.Step) -> None:
    """Show each call as it ends."""
    if isinstance(step, myna.CallEnded):
        print(f"[{step.call.name} {step.call.arguments} → {step.result.output}, {step.took_ms:.0f} ms]")


def main() -> None:
    """Ask what stands on the command line, or two questions of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("questions", nargs="*", default=QUESTIONS)
    parser.add_argument("--strategy", choices=["tools", "react", "plan"], default="tools")
    given = parser.parse_args()
    agent = myna.Agent(tools=[get_current_weather, get_n_day_weather_forecast], strategy=given.strategy, on_step=show)
    for question in given.questions:
        print(f"> {question}")
        for piece in agent.stream(question):
            print(piece, end="", flush=True)
        print("\n")


if __name__ == "__main__":
    main()
