"""`limner serve` over HTTPS, as an operator starts it."""

import os
import shlex
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from serving import OURS

TIMEOUT_S = 60


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {"LIMNER_ENGINE": "sandbox", "NO_COLOR": "1", "COLUMNS": "200"}


def serve(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data), *arguments]


def test_what_a_client_has_to_be_reported_is_printed(tmp_path: Path) -> None:
    command = serve(tmp_path / "my data", "--tls-local", "--api-only")
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        reported = []
        while "ready at" not in (line := process.stderr.readline()):
            assert process.poll() is None
            reported.append(line)
        url = line.partition("ready at ")[2].partition(",")[0]
        exports = dict(shlex.split(each)[1].split("=", 1) for each in reported if each.strip().startswith("export "))
        trust = ssl.create_default_context(cafile=exports["SSL_CERT_FILE"])
        with urllib.request.urlopen(f"{url}/healthz", timeout=TIMEOUT_S, context=trust) as answer:  # noqa: S310
            status = answer.status
        process.terminate()

    assert url.startswith("https://127.0.0.1:")
    assert set(exports) == {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
    assert set(exports.values()) == {str(tmp_path / "my data" / "tls" / "authority.pem")}
    assert status == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tls-cert", "missing.pem", "--tls-key", "missing.key"], ["cannot serve HTTPS", "No such file"]),
        (["--tls-cert", "missing.pem"], ["is given without tls_key", "Set tls_key as well"]),
        (["--tls-key", "missing.key"], ["is given without tls_cert", "Set tls_cert as well"]),
        (["--tls-local", "--tls-cert", "a.pem", "--tls-key", "a.key"], ["tls_cert names another"]),
    ],
    ids=["missing", "no key", "no certificate", "both"],
)
def test_what_cannot_be_served_with_is_reported_before_anything_starts(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    ran = subprocess.run(
        serve(tmp_path / "data", *arguments), env=environment(), capture_output=True, text=True, check=False
    )

    assert ran.returncode in {1, 2}
    assert "Traceback" not in ran.stderr
    assert all(word in " ".join(ran.stderr.split()) for word in words)
