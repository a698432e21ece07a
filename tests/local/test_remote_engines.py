"""What a server tells of its engines reaches who talks to it from another machine."""

from myna.core.events import EngineFailedOver, ModelLoads
from myna.core.ids import TurnId
from myna.local.remote import events_of
from myna.wire.realtime.server_events import failed_over, model_loads

TURN = TurnId("resp_a")


def test_it_is_understood():
    event = EngineFailedOver(TURN, "cloud", "busy", "Full.", "box")
    assert list(events_of(failed_over("resp_a", event))) == [event]
    assert list(events_of(model_loads("resp_a", "a model"))) == [ModelLoads(TURN, "a model")]
