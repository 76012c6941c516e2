"""The blocks of docs/agents.md are what `limner mcp` takes, and `/mcp` answers at the address that they name."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
from typer.testing import CliRunner

from limner.api.app import MCP_PATH
from limner.cli.app import app
from limner_client.settings import KEY

PAGE = Path(__file__).parents[2] / "docs/agents.md"
BLOCKS = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def servers() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for block in BLOCKS:
        found += block if isinstance(block, list) else block["mcpServers"].values()
    return found


def test_there_is_a_block_for_each_app() -> None:
    assert len(servers()) == len(BLOCKS) == PAGE.read_text().partition("## Tools")[0].count("```json") == 4


@pytest.mark.parametrize("server", [each for each in servers() if "command" in each], ids=str)
def test_a_started_server_takes_its_arguments(
    server: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Any] = []
    monkeypatch.setattr("limner.agents.stdio.serve_stdio", lambda *given: started.append(given))
    arguments = [str(tmp_path) if each.startswith("/home") else each for each in server["args"]]

    done = CliRunner().invoke(app, arguments)

    assert (server["command"], list(server["env"])) == ("limner", [KEY])
    assert done.exit_code == 0, done.output
    assert started[0][0] == "http://127.0.0.1:8000"


@pytest.mark.parametrize("server", [each for each in servers() if "url" in each], ids=str)
def test_an_address_is_that_of_the_endpoint(server: dict[str, Any]) -> None:
    key = server["headers"]["Authorization"] if "headers" in server else f"Bearer {server['key']}"

    assert urlsplit(server["url"]).path == MCP_PATH
    assert key == "Bearer tsk_…"


def test_the_page_names_every_option_that_it_uses() -> None:
    command = typer.main.get_command(app)
    options = {name for parameter in command.commands["mcp"].params for name in parameter.opts}  # type: ignore[attr-defined]

    assert set(re.findall(r"`(--\w+)`", PAGE.read_text())) <= options
