"""`limner providers` beside `limner vendors serve`, as an operator tries a new installation."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forked import run_forked
from serving import OURS

GOOD = {
    "bfl": "the key is valid; 1,000,000.0 credits are left, worth 10,000.00 US dollars",
    "openai": "the key is valid; 10 models, and gpt-image-2, gpt-image-2.6-flare, gpt-image-2.6-sunburst, "
    "gpt-image-2.5-flare and gpt-image-2.5-sunburst are among them",
    "gemini": "the key is valid; 5 models, and gemini-2.5-flash-image, gemini-3.1-flash-lite-image, "
    "gemini-3-pro-image, gemini-nano-banana-2.1 and gemini-3.1-flash-image are among them",
    "fal": "answers, and did not refuse the key; that it takes one, only a paid request would show",
    "replicate": "the key is valid; it belongs to the organization 'emulated'",
    "midjourney": "the relay answers and accepts the key",
    "ray": "5 models, and FLUX.1-Kontext-dev and FLUX.1-dev are among them",
    "sglang": "black-forest-labs/FLUX.1-dev",
    "vllm": "black-forest-labs/FLUX.1-Kontext-dev",
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, str]]:
    """Give the environment that points at emulators which run."""
    command = [sys.executable, "-m", "limner", "vendors", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        reported = ""
        while not reported.endswith("}\n") or reported.count("{") != reported.count("}"):
            reported += process.stdout.readline()
        yield json.loads(reported)["environment"]
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def limner(data: Path, environment: Mapping[str, str], *arguments: str) -> Ran:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    chosen = {"LIMNER_ENGINE": "sandbox", "NO_COLOR": "1", "COLUMNS": "250", **environment}
    done = run_forked([*arguments, "--data", str(data)], kept | chosen)
    return Ran(done.returncode, done.stdout + done.stderr)


def test_every_vendor_is_asked_and_says_what_is_so(emulators: dict[str, str], tmp_path: Path) -> None:
    reported = limner(tmp_path, emulators, "providers", "check", "--json")

    assert reported.json == [{"provider": name, "well": True, "says": says} for name, says in GOOD.items()]
    assert reported.code == 0


def test_a_refused_key_and_an_empty_address_are_reported_apart(emulators: dict[str, str], tmp_path: Path) -> None:
    wrong = {"OPENAI_API_KEY": "a-wrong-key-of-mine", "BFL_BASE_URL": "http://127.0.0.1:1"}

    reported = limner(tmp_path, emulators | wrong, "providers", "check")

    lines = {line.split()[0]: line for line in reported.out.splitlines()[1 : len(GOOD) + 1]}
    assert lines.keys() == GOOD.keys()
    assert "NOT WELL" in lines["openai"]
    assert "the key is refused: Incorrect API key provided" in lines["openai"]
    assert "wrong-key" not in reported.out
    assert "NOT WELL  no answer: no connection could be made" in lines["bfl"]
    assert all("NOT WELL" not in line for name, line in lines.items() if name not in {"openai", "bfl"})
    assert reported.code == 1


def test_a_wrong_key_is_told_once_in_lines_for_people_and_a_sentence(emulators: dict[str, str], tmp_path: Path) -> None:
    """Standard error is no terminal here; `gpt_4o` has two routes at OpenAI, whose key is wrong on both."""
    only = {name: value for name, value in emulators.items() if name.startswith("OPENAI_")}
    wrong = only | {"OPENAI_API_KEY": "a-wrong-key-of-mine"}

    reported = limner(tmp_path, wrong, "generate", "a cat", "-m", "gpt_4o", "-o", str(tmp_path / "cat.png"))

    assert reported.code == 1
    assert not [line for line in reported.out.splitlines() if line.startswith("{")]
    assert "\x1b[" not in reported.out
    assert reported.out.count("attempt failed") == 1
    assert "fallback" not in reported.out
    assert "the task ended as failed: OpenAI does not accept our key" in reported.out.splitlines()[-2]
    assert "`limner providers check` says whether each vendor accepts its key" in reported.out.splitlines()[-1]
    assert "a-wrong-key" not in reported.out


def test_a_misspelt_option_keeps_the_service_from_starting_and_is_named(
    emulators: dict[str, str], tmp_path: Path
) -> None:
    route = {"model": "gpt_4o", "provider": "openai", "upstream": "gpt-image-2", "options": {"qualty": "low"}}

    reported = limner(tmp_path, emulators | {"LIMNER_ROUTE": json.dumps([route])}, "serve", "--port", "0")

    assert reported.code == 1
    assert "the route of gpt_4o to openai/gpt-image-2: option 'qualty' is unknown" in reported.out
    assert "Was 'quality' meant?" in reported.out
