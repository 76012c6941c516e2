"""`limner top`, for programs and for people."""

import subprocess
import sys
from pathlib import Path

from contract.client import client_of
from serving import serving


def test_one_look_at_the_service(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        client_of(served).done()
        seen = served.cli("top")
        command = [sys.executable, "-m", "limner", "top", "--once", "--data", str(served.data)]
        printed = subprocess.run(command, env=served.environment, check=True, capture_output=True, text=True).stdout

    assert seen["overview"]["queue"] == []
    assert max(each["hour"]["pictures"] for each in seen["routes"]) == 1
    assert (seen["failures"], seen["paid_usd"]) == ([], 0)
    assert "0 queued" in printed
    assert "sandbox/flux.1_kontext_pro" in printed
    assert "none in the last hour" in printed
