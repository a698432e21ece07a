import pytest

from myna_ros.settings import PARAMETERS, BadAddress, Settings, address


def test_settings_have_what_the_parameters_have() -> None:
    assert Settings.of({parameter.name: parameter.default for parameter in PARAMETERS}) == Settings()
    assert not [parameter.name for parameter in PARAMETERS if parameter.wrong(parameter.default)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", 3),
        ("greeting", 1),
        ("greeting", "yes"),
        ("audio_in.sample_rate", 16_000.0),
        ("audio_in.sample_rate", True),
        ("audio_in.sample_rate", 1),
        ("audio_out.sample_rate", 44_100),
        ("barge_in", "sometimes"),
        ("stop_words", "停"),
        ("stop_words", [1]),
        ("tool_timeout_s", None),
        ("tool_timeout_s", float("nan")),
    ],
)
def test_a_wrong_value_is_told_in_words(name: str, value: object) -> None:
    (parameter,) = [each for each in PARAMETERS if each.name == name]
    assert parameter.wrong(value).startswith("it has to be ")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("ws://127.0.0.1:8765", "ws://127.0.0.1:8765/v1/realtime"),
        ("http://robot.local:1/", "ws://robot.local:1/v1/realtime"),
        ("https://x", "wss://x/v1/realtime"),
        (" 192.168.1.5:8765", "ws://192.168.1.5:8765/v1/realtime"),
        ("ws://x/other?a=b", "ws://x/other?a=b"),
    ],
)
def test_an_address_may_be_written_in_many_ways(url: str, endpoint: str) -> None:
    assert address(url) == endpoint


def test_who_answers_and_where_it_goes_on_stand_in_the_address() -> None:
    assert (
        address("x", "孙悟空", "a&b") == "ws://x/v1/realtime?model=myna/%E5%AD%99%E6%82%9F%E7%A9%BA&conversation=a%26b"
    )


@pytest.mark.parametrize("url", ["", "ftp://x", "ws://", "ws://x:99999", "ws://[::1", "ws://x:a"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(BadAddress):
        address(url)
