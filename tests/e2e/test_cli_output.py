"""What the command prints: errors in JSON for programs, prompts unchanged, and settled credits."""

import json
from pathlib import Path

import pytest

from e2e.test_cli import Limner


@pytest.fixture(scope="module")
def limner(tmp_path_factory: pytest.TempPathFactory) -> Limner:
    return Limner(tmp_path_factory.mktemp("output") / "data")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("tasks", "list", "--limit", "many"), 2, "--limit"),
        (("tasks", "lisst"), 2, "lisst"),
        (("keys", "revoke", "no-such-key"), 1, "no active key"),
        (("webhooks", "add"), 2, "--per-task"),
        (("tasks", "save", "no-such-task"), 1, "no-such-task"),
    ],
)
def test_an_error_is_json_where_json_is_asked_for(
    limner: Limner, arguments: tuple[str, ...], code: int, word: str
) -> None:
    ran = limner(*arguments, "--json")

    assert (ran.code, ran.err) == (code, "")
    assert word in json.loads(ran.out)["error"]["reason"]


def test_explain_prints_the_prompt_unchanged_and_the_settled_credits(limner: Limner, tmp_path: Path) -> None:
    task = limner("generate", "a cat :smile: [bold]", "-o", tmp_path / "cat.png", "--json").json["task_id"]

    explained = limner("tasks", "explain", task).out

    assert ":smile: [bold]" in explained
    assert "settled at 5 credits" in explained
    assert "held\n" not in explained.splitlines()[0]
