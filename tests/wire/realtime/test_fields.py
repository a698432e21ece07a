"""Nothing that OpenAI's types let a client send is unknown here: it is done, taken or refused with a reason."""

from typing import get_args

import pytest
from openai.types import realtime as openai_types
from openai.types.realtime import (
    audio_transcription,
    realtime_audio_config_input,
    realtime_audio_config_output,
    realtime_audio_formats,
    realtime_audio_input_turn_detection,
    realtime_response_create_audio_output,
)
from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from pydantic import BaseModel

from myna.wire.realtime import client_events, session_patch
from myna.wire.realtime.client_events import CLIENT_EVENTS


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (openai_types.RealtimeSessionCreateRequest, session_patch.SessionPatch),
        (openai_types.RealtimeTranscriptionSessionCreateRequest, session_patch.SessionPatch),
        (openai_types.RealtimeAudioConfig, session_patch.Audio),
        (openai_types.RealtimeAudioConfigInput, session_patch.AudioInput),
        (openai_types.RealtimeAudioConfigOutput, session_patch.AudioOutput),
        (realtime_audio_formats.AudioPCM, session_patch.Format),
        (realtime_audio_formats.AudioPCMU, session_patch.Format),
        (audio_transcription.AudioTranscription, session_patch.Transcription),
        (realtime_audio_config_input.NoiseReduction, session_patch.NoiseReduction),
        (realtime_audio_input_turn_detection.ServerVad, session_patch.ServerVAD),
        (realtime_audio_input_turn_detection.SemanticVad, session_patch.SemanticVAD),
        (openai_types.RealtimeFunctionTool, session_patch.FunctionTool),
        (openai_types.RealtimeResponseCreateParams, client_events.ResponseTerms),
        (openai_types.RealtimeResponseCreateAudioOutput, client_events.ResponseAudio),
        (realtime_response_create_audio_output.Output, client_events.ResponseOutput),
        (openai_types.RealtimeConversationItemUserMessage, client_events.MessageItem),
        (openai_types.RealtimeConversationItemAssistantMessage, client_events.MessageItem),
        (openai_types.RealtimeConversationItemSystemMessage, client_events.MessageItem),
        (openai_types.RealtimeConversationItemFunctionCall, client_events.FunctionCallItem),
        (openai_types.RealtimeConversationItemFunctionCallOutput, client_events.FunctionCallOutputItem),
    ],
)
def test_every_field_is_known(theirs: type[BaseModel], ours: type[BaseModel]):
    assert set(theirs.model_fields) <= set(ours.model_fields)


@pytest.mark.parametrize("theirs", get_args(get_args(RealtimeClientEvent)[0]))
def test_every_event_is_known_with_its_fields(theirs: type[BaseModel]):
    (kind,) = get_args(theirs.model_fields["type"].annotation)
    assert set(theirs.model_fields) <= set(CLIENT_EVENTS[kind].model_fields)


def test_a_voice_may_be_an_object_as_openai_s_own_are():
    assert set(realtime_audio_config_output.VoiceID.model_fields) == {"id"}
