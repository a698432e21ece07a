"""OpenAI's Realtime protocol in its GA form, and what Myna adds to it.

https://platform.openai.com/docs/api-reference/realtime

`RealtimeCodec` is the door. `client_events` and `session_patch` are what a client may send, `server_events` is what it
gets; `session_config` is what it has set, `items` the conversation as it sees it, `response` one reply in the making.
"""

from myna.wire.realtime.codec import RealtimeCodec, failed
from myna.wire.realtime.served import Served

__all__ = ["RealtimeCodec", "Served", "failed"]
