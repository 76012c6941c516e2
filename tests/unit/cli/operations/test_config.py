import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from limner.cli.app import app
from limner.config_sources import variables_of
from limner.settings import Settings


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = variables_of(Settings)
    for name in [each for each in os.environ if each.startswith("LIMNER_") or each in variables]:
        monkeypatch.delenv(name)


def test_show_names_where_each_setting_comes_from_and_masks_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "limner.toml").write_text("# mine\nport = 9000\n[provider.openai]\nkey = 'sk-toml'\n", encoding="utf-8")
    monkeypatch.setenv("LIMNER_DATABASE_URL", "postgresql://me:pass-word@db/limner")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")

    result = CliRunner().invoke(app, ["config", "show", "--data", str(tmp_path), "--json"])

    assert result.exit_code == 0
    assert "sk-" not in result.stdout
    assert "pass-word" not in result.stdout
    assert {each["setting"]: each["origin"] for each in json.loads(result.stdout)} == {
        "data": "--data",
        "port": f"{tmp_path / 'limner.toml'}, line 2",
        "provider": f"{tmp_path / 'limner.toml'}, line 3",
        "database_url": "LIMNER_DATABASE_URL",
        "openai_api_key": "OPENAI_API_KEY",
    }


def test_check_exits_with_2_and_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text("prot = 9000\n", encoding="utf-8")

    plain = CliRunner().invoke(app, ["config", "check", "--data", str(tmp_path)])
    as_json = CliRunner().invoke(app, ["config", "check", "--data", str(tmp_path), "--json"])

    assert (plain.exit_code, as_json.exit_code) == (2, 2)
    assert "line 1: there is no setting 'prot'" in plain.stderr
    assert "Did you mean port?" in plain.stderr
    assert json.loads(as_json.stdout)["error"]["suggestion"] == "Did you mean port?"


def test_check_accepts_what_can_be_used(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["config", "check", "--data", str(tmp_path)])

    assert result.exit_code == 0
    assert "The configuration is valid" in result.stdout
