"""What a client chooses for its session, and may change while it is live."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from myna.core.tools import ToolChoice, ToolSpec

BargeIn: TypeAlias = Literal["pause", "stop_words", "never"]
Eagerness: TypeAlias = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class TurnTakingPreferences:
    """How turns are taken. Times are of audio, in milliseconds.

    Attributes:
        automatic: Speech is found, and its end, by listening; else the client commits what it appended (push-to-talk).
        replies: An utterance is answered without being asked; else it is only heard.
        barge_in: What speech does while a reply is thought out or spoken. ``pause`` pauses it at once, then decides:
            real speech interrupts, a cough or a backchannel does not. ``stop_words``: only 停, 等等, stop, wait …
            interrupt; for clients whose microphone hears their own loudspeaker (half duplex). ``never``: nothing
            does; what is said is answered when the reply has ended.
        detector: Whether the turn detector is asked if an utterance sounds complete.
        eagerness: How soon an utterance counts as over: ``low`` gives the user more time to go on, ``high`` less.
        speech_threshold: From this probability on, a frame counts as speech.
        silence_rms: Audio below this level (RMS, full scale is 1) is silence without asking the VAD.
        pre_roll_ms: What belongs to an utterance before its onset.
        end_silence_ms: A silence this long ends the utterance.
        short_pause_ms: A pause this long ends an utterance that is complete.
        stable_nochange_ms: A text unchanged for so long ends the utterance.
        idle_timeout_ms: After so much silence behind a reply the assistant speaks by itself; None: never.
    """

    automatic: bool = True
    replies: bool = True
    barge_in: BargeIn = "pause"
    detector: bool = True
    eagerness: Eagerness = "medium"
    speech_threshold: float = 0.5
    silence_rms: float = 0.005
    pre_roll_ms: float = 300
    end_silence_ms: float = 800
    short_pause_ms: float = 300
    stable_nochange_ms: float = 1500
    idle_timeout_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a client chooses.

    Attributes:
        instructions: Takes the place of the persona's system prompt; None leaves it.
        voice: Takes the place of the persona's voice; None leaves it.
        speed: 1.0 is the voice's own rate.
        speaks: Whether replies are spoken; else they are text only.
        temperature: Of the LLM; None leaves the configured one.
        max_tokens: The longest reply; None leaves the configured limit.
        tools: What the model may call. The client runs them.
            One of the name of a tool of the server's takes its place.
        server_tools: Whether the model may call the server's tools too.
        tool_choice: Whether it may, must or must not.
        parallel_calls: Whether the model may call several at once.
        allows_tools: The client asks its user when a tool needs it, and answers by `myna.core.commands.AllowTool`.
        language: What the user speaks, as an ISO 639-1 code; None detects it.
        hint: Names and words to expect in what the user says.
        pauses_playback: The client pauses and resumes its playback when it is told to. Any other gets audio with a
            smaller lead, so that it falls silent soon after the audio stops.
        levels: The client is shown `myna.core.events.LevelsHeard`.
    """

    instructions: str | None = None
    voice: str | None = None
    speed: float = 1.0
    speaks: bool = True
    temperature: float | None = None
    max_tokens: int | None = None
    tools: tuple[ToolSpec, ...] = ()
    server_tools: bool = True
    tool_choice: ToolChoice = "auto"
    parallel_calls: bool = True
    allows_tools: bool = False
    language: str | None = None
    hint: str = ""
    pauses_playback: bool = False
    levels: bool = False
    turn_taking: TurnTakingPreferences = field(default_factory=TurnTakingPreferences)
