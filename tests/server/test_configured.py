import socket
from pathlib import Path

import pytest

from myna.config.settings import ServerSettings
from myna.server.configured import limits_of, rules_of, url_of
from myna.server.keys import Keys
from myna.server.run import bind
from myna.server.sizes import LONGEST_TEXT, MB


def test_a_server_that_this_machine_alone_reaches_needs_no_key(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    settings = ServerSettings(hosts=("myna.lan",), origins=("https://page.example",))
    with bind("127.0.0.1", 0) as here, bind("0.0.0.0", 0, guarded=True) as anywhere:
        rules = [rules_of(settings, keys, listener) for listener in (here, anywhere)]
    assert [each.reachable for each in rules] == [False, True]
    assert (rules[0].keys, rules[0].hosts, rules[0].origins) == (keys, {"myna.lan"}, {"https://page.example"})


def test_a_text_is_never_allowed_to_be_longer_than_a_file() -> None:
    small, large = limits_of(ServerSettings(max_body_mb=1)), limits_of(ServerSettings(max_body_mb=100))
    assert (small.upload, small.body) == (MB, MB)
    assert (large.upload, large.body) == (100 * MB, LONGEST_TEXT)


def test_an_address_is_written_as_browsers_want_it() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert url_of(listener, secure=True) == f"https://127.0.0.1:{listener.getsockname()[1]}"
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with bind("::1", 0) as listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"
