import sys
from pathlib import Path

import pytest

from limner.cli.serving.serve import FIRST_KEY_FILE, FirstAccount, _announce_key
from limner.settings import Settings

FIRST = FirstAccount("local", 10_000, "tsk_a-secret-key")


def test_where_a_journal_may_collect_the_output_the_first_key_is_written_to_a_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FIRST_KEY_FILE).write_text("an earlier database's key", encoding="utf-8")

    _announce_key(Settings(data=tmp_path), FIRST)

    output = capfd.readouterr()
    assert FIRST.key not in output.out + output.err
    assert str(tmp_path / FIRST_KEY_FILE) in output.err
    assert (tmp_path / FIRST_KEY_FILE).read_text(encoding="utf-8") == f"{FIRST.key}\n"
    assert (tmp_path / FIRST_KEY_FILE).stat().st_mode & 0o077 == 0


def test_on_a_terminal_the_first_key_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    _announce_key(Settings(data=tmp_path), FIRST)

    assert FIRST.key in capsys.readouterr().err
    assert not (tmp_path / FIRST_KEY_FILE).exists()
