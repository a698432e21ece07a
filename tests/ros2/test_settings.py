import re
from pathlib import Path

import pytest
import yaml

from myna.config.settings import PROFILES as MYNAS_PROFILES
from rdk_chat.settings import PROFILES, Settings, WrongSetting, checked, settings_of

ROOT = Path(__file__).parents[2]


def test_the_profiles_are_mynas() -> None:
    assert PROFILES == MYNAS_PROFILES


def test_what_is_left_out_has_its_default() -> None:
    assert checked({}) == Settings()
    assert checked({"silence_timeout_s": 5}).silence_timeout_s == 5.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"profile": "slow"}, "profile must be one of these: empty, fast, balanced, quality. It is 'slow'."),
        ({"concurrent": 0}, "concurrent must be from 1 to 16, and is 0."),
        ({"concurrent": True}, "concurrent must be of type int, and is True."),
        ({"concurrent": "2"}, "concurrent must be of type int"),
        ({"reply_timeout_s": float("nan")}, "reply_timeout_s must be from 1 to 3600, and is nan."),
        ({"reply_timeout_s": "soon"}, "reply_timeout_s must be of type float"),
        ({"url": 7}, "url must be of type str"),
        ({"conversation": "client"}, "clients names none"),
        ({"clients": "kitchen gar/den"}, "'gar/den' cannot be part of a ROS name"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(values: dict[str, object], said: str) -> None:
    with pytest.raises(WrongSetting, match=re.escape(said)):
        checked(values)


def test_the_file_of_defaults_has_all_of_them() -> None:
    written = yaml.safe_load((ROOT / "ros2/rdk_chat/config/chat.yaml").read_text())
    both = (*settings_of("service"), *settings_of("action"))
    assert written == {"/**": {"ros__parameters": {one.name: one.default for one in both}}}


@pytest.mark.parametrize("page", ["ros2.md", "ros2.zh-CN.md"])
def test_the_docs_tell_of_each_with_its_default(page: str) -> None:
    told = (ROOT / "docs" / page).read_text(encoding="utf-8")
    table: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| ((?:`\w+`[,、 ]*)+)\*? ?\| ([^|]*)\|", told, re.MULTILINE):
        values = [value.strip("` ") for value in re.split("[,、]", defaults)]
        table |= dict(zip(re.findall(r"`(\w+)`", names), values, strict=False))
    for one in (*settings_of("service"), *settings_of("action")):
        assert one.name in table, one.name
        default = str(one.default).lower() if isinstance(one.default, bool) else f"{one.default}".removesuffix(".0")
        assert table[one.name] == default, one.name
