"""``docs/realtime.md`` tells all that a client can send."""

from pathlib import Path
from typing import get_args

import pytest

from myna.wire.realtime.client_events import CLIENT_EVENTS, ResponseTerms
from myna.wire.realtime.session_patch import MynaEvent, MynaSettings, SessionPatch

DOC = (Path(__file__).parents[3] / "docs" / "realtime.md").read_text(encoding="utf-8")

SENT_BACK = {"id", "object", "expires_at", "audio", "myna"}
"""What a client need not know, and what is told by its parts."""


@pytest.mark.parametrize("kind", CLIENT_EVENTS)
def test_every_event_is_told(kind: str):
    assert f"| `{kind}` |" in DOC


@pytest.mark.parametrize("name", get_args(MynaEvent))
def test_every_event_of_myna_s_own_is_told(name: str):
    assert f"| `{name}` |" in DOC


@pytest.mark.parametrize("name", sorted(set(SessionPatch.model_fields) - SENT_BACK))
def test_every_field_of_a_session_is_told(name: str):
    assert f"`{name}`" in DOC.partition("## The session")[2]


@pytest.mark.parametrize("name", sorted(MynaSettings.model_fields))
def test_every_field_that_myna_adds_is_told(name: str):
    assert f"myna.{name}`" in DOC


@pytest.mark.parametrize("name", sorted(set(ResponseTerms.model_fields) - {"audio"}))
def test_every_term_of_a_response_is_told(name: str):
    assert f"`{name}" in DOC
