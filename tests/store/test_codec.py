from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.messages import Message
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolSpec
from myna.store.codec import KINDS, SPOKEN, body_of, kind_of, message_of

ANY_TEXT = st.text(st.characters())  # lone surrogates and NUL, too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
st.register_type_strategy(str, ANY_TEXT)
MADE = {
    Reply: st.builds(Reply, ANY_TEXT, ANY_TEXT, ANY_TEXT),
    ToolCall: st.builds(ToolCall, ANY_TEXT, ANY_TEXT, ANY_TEXT),
    ToolSpec: st.builds(ToolSpec, ANY_TEXT, ANY_TEXT, st.dictionaries(ANY_TEXT, JSON, max_size=3)),
}
for made, strategy in MADE.items():
    st.register_type_strategy(made, strategy)


def test_every_kind_of_message_has_a_name() -> None:
    assert set(KINDS.values()) == set(get_args(Message))
    assert set(SPOKEN) <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)  # the first of each kind makes its strategies
@given(data=st.data())
def test_every_message_comes_back_as_it_was(kind: str, data: st.DataObject) -> None:
    message: Message = data.draw(st.from_type(KINDS[kind]))
    body = body_of(message)
    body.encode()
    assert "\x00" not in body
    assert message_of(kind_of(message), message.id, message.turn_id, body) == message


def test_what_an_old_body_lacks_has_its_default() -> None:
    message = message_of("tool_result", "msg_1", "turn_1", '{"call_id":"call_1","output":"12"}')
    assert message_of(kind_of(message), "msg_1", "turn_1", body_of(message)) == message


def test_chinese_is_kept_as_it_is_read() -> None:
    assert "小白" in body_of(message_of("user", "msg_1", "turn_1", '{"text":"小白"}'))
