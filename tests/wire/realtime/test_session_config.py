"""Every field of ``session.update``: what it changes, what is told of it, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from tests.wire.realtime.talking import SERVED, Line

from myna.core.commands import CreateReply
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.core.tools import NamedTool, ToolSpec

TOOL = {"type": "function", "name": "now", "description": "The time", "parameters": {"type": "object"}}


def told_of(line: Line) -> dict[str, Any]:
    return line.told(line.codec.greet())[0]["session"]


def test_a_session_is_told_whole_when_it_begins():
    line = Line()
    [created] = line.told(line.codec.greet())
    assert created == {
        "type": "session.created",
        "session": {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_1",
            "model": "myna/assistant",
            "instructions": "You are kind.",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "whisper-base"},
                    "noise_reduction": None,
                    "turn_detection": {
                        "type": "semantic_vad",
                        "create_response": True,
                        "interrupt_response": True,
                        "eagerness": "auto",
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "af_sky", "speed": 1.0},
            },
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "parallel_tool_calls": True,
            "include": None,
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "myna": {
                "conversation": "conv_1",
                "private": False,
                "events": [],
                "greeting": 0,
                "barge_in": "pause",
                "temperature": None,
                "server_tools": True,
                "allows_tools": False,
            },
        },
    }


def test_a_session_that_only_transcribes_is_told_as_such():
    line = Line(transcribes=True)
    session = told_of(line)
    assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")
    assert sorted(session) == ["audio", "id", "include", "myna", "object", "type"]
    assert sorted(session["audio"]) == ["input"]
    assert not line.codec.preferences.turn_taking.replies


DEFAULTS = [
    Preferences(),
    Preferences(
        instructions="x",
        voice="v",
        speed=1.2,
        speaks=False,
        temperature=0.3,
        max_tokens=99,
        language="zh",
        hint="孙悟空",
        turn_taking=TurnTakingPreferences(eagerness="high", end_silence_ms=700, short_pause_ms=200),
    ),
    Preferences(turn_taking=TurnTakingPreferences(detector=False, barge_in="stop_words", idle_timeout_ms=9000)),
    Preferences(turn_taking=TurnTakingPreferences(automatic=False)),
    Preferences(turn_taking=TurnTakingPreferences(replies=False, barge_in="never")),
]


@pytest.mark.parametrize("preferences", DEFAULTS)
def test_what_the_client_leaves_alone_is_as_configured(preferences: Preferences):
    line = Line(preferences=preferences)
    assert line.codec.preferences == preferences
    line.set(type="realtime")
    assert line.codec.preferences == preferences


@pytest.mark.parametrize("preferences", DEFAULTS)
def test_what_a_client_was_told_it_can_send_back(preferences: Preferences):
    line = Line(preferences=preferences)
    told = told_of(line)
    assert line.set(**told) == told
    assert line.codec.preferences == preferences


def test_what_a_client_was_told_after_an_update_it_can_send_back_too():
    line = Line()
    told = line.set(
        instructions="Be brief.",
        tools=[TOOL],
        tool_choice={"type": "function", "name": "now"},
        max_output_tokens=50,
        audio={
            "input": {
                "format": {"type": "audio/pcma"},
                "transcription": {"language": "en", "prompt": "Names", "keywords": ["Wukong"]},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 500, "interrupt_response": False},
            },
            "output": {"voice": "marin", "speed": 1.1},
        },
        myna={"events": ["emotion", "playback"], "barge_in": "stop_words", "temperature": 0.5},
    )
    set_ = line.codec.preferences
    assert line.set(**told) == told
    assert line.codec.preferences == set_


def test_a_client_can_go_back_to_the_persona_s_own_voice_and_words():
    line = Line()
    line.set(instructions="Be brief.", audio={"output": {"voice": "marin"}})
    line.set(instructions="You are kind.", audio={"output": {"voice": "af_sky"}})
    assert line.codec.preferences == Preferences()


@pytest.mark.parametrize(
    ("session", "changed"),
    [
        ({"instructions": "Be brief."}, Preferences(instructions="Be brief.")),
        ({"instructions": ""}, Preferences()),
        ({"instructions": None}, Preferences()),
        ({"output_modalities": ["text"]}, Preferences(speaks=False)),
        ({"output_modalities": ["text", "audio"]}, Preferences()),
        ({"audio": {"output": {"voice": "marin"}}}, Preferences(voice="af_heart")),
        ({"audio": {"output": {"voice": {"id": "zf_xiaobei"}}}}, Preferences(voice="zf_xiaobei")),
        ({"audio": {"output": {"voice": "default"}}}, Preferences()),
        ({"audio": {"output": {"speed": 1.5}}}, Preferences(speed=1.5)),
        ({"max_output_tokens": 100}, Preferences(max_tokens=100)),
        ({"max_output_tokens": "inf"}, Preferences()),
        ({"tools": [TOOL]}, Preferences(tools=(ToolSpec("now", "The time", {"type": "object"}),))),
        (
            {"tools": [{"name": "now"}]},
            Preferences(tools=(ToolSpec("now", "", {"type": "object", "properties": {}}),)),
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "name": "now"}},
            Preferences(tools=(ToolSpec("now", "The time", {"type": "object"}),), tool_choice=NamedTool("now")),
        ),
        ({"tool_choice": "none"}, Preferences(tool_choice="none")),
        ({"audio": {"input": {"transcription": {"language": "zh-CN"}}}}, Preferences(language="zh")),
        ({"audio": {"input": {"transcription": {"languages": ["en"]}}}}, Preferences(language="en")),
        ({"audio": {"input": {"transcription": {"languages": ["en", "zh"]}}}}, Preferences()),
        (
            {"audio": {"input": {"transcription": {"prompt": "Names:", "keywords": ["Wukong", "Bajie"]}}}},
            Preferences(hint="Names: Wukong, Bajie"),
        ),
        ({"myna": {"events": ["playback"]}}, Preferences(pauses_playback=True)),
        ({"myna": {"temperature": 0.2}}, Preferences(temperature=0.2)),
        ({"myna": {"server_tools": False}}, Preferences(server_tools=False)),
        ({"myna": {"events": ["tools"], "allows_tools": True}}, Preferences(allows_tools=True)),
        ({"myna": {"events": ["tools"]}}, Preferences()),
        ({"parallel_tool_calls": False}, Preferences(parallel_calls=False)),
        ({"myna": {"barge_in": "stop_words"}}, Preferences(turn_taking=TurnTakingPreferences(barge_in="stop_words"))),
        ({"type": "transcription"}, Preferences(turn_taking=TurnTakingPreferences(replies=False))),
        ({"model": "gpt-realtime", "tracing": "auto", "truncation": "auto", "include": []}, Preferences()),
        ({"reasoning": {"effort": "low"}, "parallel_tool_calls": True, "prompt": None}, Preferences()),
        ({"tracing": {"workflow_name": "x"}, "audio": {"input": None, "output": None}}, Preferences()),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field"}}, "output": {"format": None}}},
            Preferences(),
        ),
    ],
)
def test_a_field_changes_its_own_preference(session: dict[str, Any], changed: Preferences):
    line = Line()
    line.set(**session)
    assert line.codec.preferences == changed


@pytest.mark.parametrize(
    ("detection", "changed"),
    [
        (None, TurnTakingPreferences(automatic=False)),
        ({"type": "server_vad"}, TurnTakingPreferences(detector=False, short_pause_ms=800)),
        (
            {"type": "server_vad", "threshold": 0.7, "prefix_padding_ms": 200, "silence_duration_ms": 600},
            TurnTakingPreferences(
                detector=False, speech_threshold=0.7, pre_roll_ms=200, end_silence_ms=600, short_pause_ms=600
            ),
        ),
        (
            {"type": "server_vad", "silence_duration_ms": 3000},
            TurnTakingPreferences(detector=False, end_silence_ms=3000, short_pause_ms=3000, stable_nochange_ms=3000),
        ),
        (
            {"type": "server_vad", "create_response": False, "interrupt_response": False, "idle_timeout_ms": 6000},
            TurnTakingPreferences(
                detector=False, short_pause_ms=800, replies=False, barge_in="never", idle_timeout_ms=6000
            ),
        ),
        ({"type": "semantic_vad"}, TurnTakingPreferences()),
        ({"type": "semantic_vad", "eagerness": "low"}, TurnTakingPreferences(eagerness="low")),
        ({"type": "semantic_vad", "eagerness": "auto", "interrupt_response": True}, TurnTakingPreferences()),
        ({"type": "semantic_vad", "create_response": False}, TurnTakingPreferences(replies=False)),
    ],
)
def test_turn_detection_is_how_turns_are_taken(detection: Any, changed: TurnTakingPreferences):
    line = Line()
    line.set(audio={"input": {"turn_detection": detection}})
    assert line.codec.preferences.turn_taking == changed


def test_turn_detection_is_told_as_it_works():
    line = Line()
    session = line.set(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}})
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 800,
        "idle_timeout_ms": 6000,
        "create_response": True,
        "interrupt_response": True,
    }
    assert line.set(audio={"input": {"turn_detection": None}})["audio"]["input"]["turn_detection"] is None
    kept = line.set(audio={"input": {"format": {"type": "audio/pcmu"}}})
    assert kept["audio"]["input"]["turn_detection"] is None


def test_what_an_update_does_not_name_of_turn_detection_stays():
    line = Line()

    def detect(**fields: Any) -> dict[str, Any]:
        return line.set(audio={"input": {"turn_detection": fields}})["audio"]["input"]["turn_detection"]

    detect(type="server_vad", threshold=0.7, idle_timeout_ms=6000)
    told = detect(type="server_vad", silence_duration_ms=300)
    assert (told["threshold"], told["silence_duration_ms"], told["idle_timeout_ms"]) == (0.7, 300, 6000)
    told = detect(type="server_vad", idle_timeout_ms=None)
    assert (told["threshold"], told["idle_timeout_ms"]) == (0.7, None)
    detect(type="semantic_vad", eagerness="low")
    assert detect(type="server_vad")["threshold"] == 0.5


def test_what_an_update_does_not_name_of_transcription_stays():
    line = Line()
    line.set(audio={"input": {"transcription": {"language": "zh"}}})
    line.set(audio={"input": {"transcription": {"prompt": "Names"}}})
    assert (line.codec.preferences.language, line.codec.preferences.hint) == ("zh", "Names")
    line.set(audio={"input": {"transcription": {"languages": ["en"]}}})
    assert (line.codec.preferences.language, line.codec.preferences.hint) == ("en", "Names")
    line.set(audio={"input": {"transcription": {"languages": ["en", "zh"], "prompt": None}}})
    assert (line.codec.preferences.language, line.codec.preferences.hint) == (None, "")


def test_a_connection_for_transcription_stays_one():
    line = Line(transcribes=True)
    refusal = line.refusal("session.update", session={"type": "realtime"})
    assert (refusal["code"], refusal["param"]) == ("invalid_value", "session.type")
    assert "intent=transcription" in refusal["message"]
    assert "intent=transcription" in line.refusal("response.create")["message"]


def test_a_choice_of_a_tool_that_goes_away_goes_with_it():
    line = Line()
    line.set(tools=[TOOL], tool_choice={"type": "function", "name": "now"})
    line.send("response.create", response={"tools": []})
    assert line.set(tools=[])["tool_choice"] == "auto"


def test_a_tool_of_the_server_s_can_be_chosen_by_name():
    line = Line(tool_names=lambda: ["get_weather"])
    weather = {"type": "function", "name": "get_weather"}
    assert line.set(tools=[TOOL], tool_choice=weather)["tool_choice"] == weather
    assert line.codec.preferences.tool_choice == NamedTool("get_weather")
    assert line.set(instructions="Be brief.")["tool_choice"] == weather
    (command,), _ = line.send("response.create", response={"tool_choice": weather})
    assert isinstance(command, CreateReply)


def test_a_choice_of_a_tool_of_the_server_s_goes_when_these_are_turned_off():
    line = Line(tool_names=lambda: ["get_weather"])
    weather = {"type": "function", "name": "get_weather"}
    line.set(tool_choice=weather)
    assert line.set(myna={"server_tools": False})["tool_choice"] == "auto"
    refusal = line.refusal("session.update", session={"tool_choice": weather})
    assert refusal["param"] == "session.tool_choice"


def test_tools_of_the_server_s_are_those_of_now():
    names = ["get_weather"]
    line = Line(tool_names=lambda: names)
    line.set(tool_choice={"type": "function", "name": "get_weather"})
    names.clear()  # its MCP server has gone
    assert line.set(instructions="Be brief.")["tool_choice"] == "auto"


def test_a_client_that_is_not_told_of_tools_cannot_be_asked_about_them():
    line = Line()
    line.set(myna={"events": ["tools"], "allows_tools": True})
    refusal = line.refusal("session.update", session={"myna": {"events": []}})
    assert (refusal["code"], refusal["param"]) == ("invalid_value", "session.myna.allows_tools")
    assert line.codec.preferences.allows_tools
    assert line.set(myna={"events": [], "allows_tools": False})["myna"]["events"] == []


def test_the_slowest_voice_is_told_to_who_asks_for_a_slower_one():
    assert Line().set(audio={"output": {"speed": 0.25}})["audio"]["output"]["speed"] == 0.5


def test_a_client_may_let_itself_be_interrupted_where_that_is_not_usual():
    line = Line(preferences=Preferences(turn_taking=TurnTakingPreferences(barge_in="never")))
    assert told_of(line)["audio"]["input"]["turn_detection"]["interrupt_response"] is False
    line.set(audio={"input": {"turn_detection": {"type": "semantic_vad", "interrupt_response": True}}})
    assert line.codec.preferences.turn_taking.barge_in == "pause"


def test_a_voice_is_told_by_the_name_that_the_client_gave_it():
    line = Line()
    assert line.set(audio={"output": {"voice": "marin"}})["audio"]["output"]["voice"] == "marin"


def test_a_server_without_a_voice_says_that_replies_are_text():
    line = Line(speaks=False)
    session = line.set(output_modalities=["audio"], audio={"output": {"voice": "nobody"}})
    assert session["output_modalities"] == ["text"]
    assert not line.codec.preferences.speaks


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
def test_pcm_comes_at_several_rates(rate: int):
    session = Line().set(audio={"input": {"format": {"type": "audio/pcm", "rate": rate}}})
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": rate}


def test_what_was_set_stays_while_something_else_is_set():
    line = Line()
    line.set(instructions="Be brief.", tools=[TOOL], audio={"output": {"speed": 1.2, "voice": "marin"}})
    session = line.set(audio={"output": {"speed": 0.9}})
    assert (session["instructions"], session["tools"]) == ("Be brief.", [TOOL])
    assert session["audio"]["output"]["voice"] == "marin"
    assert line.set(tools=[], instructions="")["tools"] == []
    assert line.codec.preferences == Preferences(voice="af_heart", speed=0.9)


def test_what_is_said_of_parallel_calls_holds_until_something_else_is():
    line = Line()
    assert line.set(parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert line.set(parallel_tool_calls=None)["parallel_tool_calls"] is False
    assert line.set(parallel_tool_calls=True)["parallel_tool_calls"] is True


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"voice": "marin"}, "unknown_parameter", "session.voice"),
        ({"modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"audio": {"input": {"echo": True}}}, "unknown_parameter", "session.audio.input.echo"),
        ({"type": "video"}, "invalid_value", "session.type"),
        ({"output_modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"max_output_tokens": -1}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"parallel_tool_calls": "no"}, "invalid_type", "session.parallel_tool_calls"),
        ({"truncation": "disabled"}, "invalid_value", "session.truncation"),
        ({"prompt": {"id": "pmpt_1"}}, "invalid_value", "session.prompt"),
        ({"include": ["item.input_audio_transcription.logprobs"]}, "invalid_value", "session.include"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value", "session.tools[0]"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tools": [TOOL, TOOL]}, "invalid_value", "session.tools"),
        ({"tools": [{**TOOL, "strict": True}]}, "unknown_parameter", "session.tools[0].strict"),
        ({"tools": "all"}, "invalid_type", "session.tools"),
        ({"tool_choice": "sometimes"}, "invalid_value", "session.tool_choice"),
        ({"tool_choice": {"type": "mcp"}}, "invalid_value", "session.tool_choice"),
        ({"tool_choice": {"type": "function", "name": "none"}}, "invalid_value", "session.tool_choice"),
        ({"myna": {"greeting": 2}}, "invalid_value", "session.myna.greeting"),
        ({"myna": {"greeting": -1}}, "invalid_value", "session.myna.greeting"),
        ({"myna": {"allows_tools": True}}, "invalid_value", "session.myna.allows_tools"),
        ({"myna": {"allows_tools": 1}}, "invalid_type", "session.myna.allows_tools"),
        ({"myna": {"server_tools": ["a"]}}, "invalid_type", "session.myna.server_tools"),
        ({"audio": {"input": {"format": "pcm16"}}}, "invalid_type", "session.audio.input.format"),
        ({"audio": {"input": {"format": {"type": "audio/mp3"}}}}, "invalid_value", "session.audio.input.format.type"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 22_050}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"output": {"format": {"type": "audio/pcmu", "rate": 24_000}}}},
            "invalid_value",
            "session.audio.output.format.rate",
        ),
        ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"output": {"voice": 7}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"output": {"speed": 0.2}}}, "invalid_value", "session.audio.output.speed"),
        (
            {"audio": {"input": {"transcription": {"language": "fr"}}}},
            "invalid_value",
            "session.audio.input.transcription.language",
        ),
        (
            {"audio": {"input": {"turn_detection": {}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "vad"}}}},
            "invalid_value",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        ({"myna": {"events": ["weather"]}}, "invalid_value", "session.myna.events[0]"),
        ({"myna": {"conversation": "conv_other"}}, "invalid_value", "session.myna.conversation"),
        ({"myna": {"private": True}}, "invalid_value", "session.myna.private"),
        ({"myna": {"barge_in": "always"}}, "invalid_value", "session.myna.barge_in"),
        ({"type": "transcription", "instructions": "x"}, "unknown_parameter", "session.instructions"),
    ],
)
def test_what_there_is_not_is_refused_by_name_and_changes_nothing(session: dict[str, Any], code: str, param: str):
    line = Line()
    before = told_of(line)
    refusal = line.refusal("session.update", session={"output_modalities": ["text"], **session}, event_id="evt")
    assert (refusal["type"], refusal["code"], refusal["param"]) == ("invalid_request_error", code, param)
    assert refusal["event_id"] == "evt"
    assert told_of(line) == before


def test_a_private_session_is_told_to_be_one_and_what_is_told_can_be_sent_back():
    line = Line(private=True)
    assert told_of(line)["myna"]["private"] is True
    line.send("session.update", session={"myna": {"private": True}})
    assert line.refusal("session.update", session={"myna": {"private": False}})["param"] == "session.myna.private"


def test_an_unknown_voice_is_told_what_there_is():
    refusal = Line().refusal("session.update", session={"audio": {"output": {"voice": "nobody"}}})
    assert refusal["message"] == "There is no voice 'nobody'. There are marin, zf_xiaobei, default."


def test_a_language_is_told_what_there_is():
    refusal = Line().refusal("session.update", session={"audio": {"input": {"transcription": {"language": "fr"}}}})
    assert refusal["message"] == "whisper-base does not understand 'fr'. It understands en, zh."


def test_an_asr_of_any_language_takes_any():
    line = Line(replace(SERVED, languages=frozenset()))
    line.set(audio={"input": {"transcription": {"language": "fr"}}})
    assert line.codec.preferences.language == "fr"
