"""``[mcp.NAME]`` in the sources of the settings."""

from pathlib import Path
from typing import Any

import pytest

from myna.config.load import Loaded, load_settings
from myna.core.errors import BadConfig


def load(folder: Path, toml: str, flags: dict[str, Any] | None = None, **environ: str) -> Loaded:
    (folder / "myna.toml").write_text(toml, encoding="utf-8")
    return load_settings(flags, cwd=folder, environ={"MYNA_HOME": str(folder), **environ})


def test_servers_are_named_in_the_file_in_the_environment_and_on_the_command_line(tmp_path: Path):
    loaded = load(
        tmp_path,
        '[mcp.Files]\ncommand = "npx"\nargs = ["-y", "files"]\nenv = { KEY = "sesame" }\n',
        {"mcp": {"third": {"command": "a", "args": "b,c"}}},
        MYNA_MCP__FILES__TIMEOUT_S="5",
        MYNA_MCP__WEB__URL="http://host/mcp",
        MYNA_MCP__WEB__HEADERS='{"X-Key": "open"}',
    )
    servers = loaded.settings.mcp
    assert set(servers) == {"Files", "web", "third"}
    assert servers["Files"].timeout_s == 5
    assert servers["Files"].env["KEY"].get_secret_value() == "sesame"
    assert servers["web"].url == "http://host/mcp"
    assert servers["third"].args == ("b", "c")


def test_secrets_are_not_shown(tmp_path: Path):
    loaded = load(tmp_path, '[mcp.web]\nurl = "http://host/mcp"\ntoken = "sesame"\nheaders = { X-Key = "open-up" }\n')
    told = repr([*loaded.provenance(), loaded.settings])
    assert "sesame" not in told
    assert "open-up" not in told
    assert {"sesame", "open-up"} <= loaded.secrets()
    assert loaded.settings.mcp["web"].secrets() == {"sesame", "open-up"}


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[mcp.files]\n", r"The section \[mcp.files\] is empty"),
        ("[mcp.files]\nconfirm = 'always'\n", "mcp.files.url is required, or a command is"),
        ("[mcp.files]\nurl = 'ftp://host'\n", "mcp.files.url in myna.toml .line 2.: must be a URL such as http"),
        ("[mcp.files]\nurl = 'http://host'\ncommand = 'a'\n", "cannot stand beside a command"),
        ("[mcp.files]\nurl = 'http://host'\nargs = ['a']\n", "cannot stand beside args"),
        ("[mcp.files]\ncommand = 'a'\ntoken = 'sesame'\n", "mcp.files.url is required where there is a token"),
        ("[mcp.files]\ncomand = 'a'\n", "Did you mean mcp.files.command?"),
        ("[mcp]\nfiles = 'a'\n", "mcp.files in myna.toml .line 2.: must be a table"),
        ("[mcp.'a b']\nurl = 'http://host'\n", r"The section \[mcp.a b\]: must match"),
        ("[mcp.files]\ncommand = 'a'\ntimeout_s = 0\n", "mcp.files.timeout_s in myna.toml .line 3.: must be greater"),
    ],
)
def test_what_is_wrong_with_a_server_is_told(tmp_path: Path, toml: str, told: str):
    with pytest.raises(BadConfig, match=told) as raised:
        load(tmp_path, toml)
    assert "sesame" not in str(raised.value)
