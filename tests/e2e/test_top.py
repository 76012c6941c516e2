"""`limner top`, for programs and for people."""

from pathlib import Path

from contract.client import client_of
from forked import run_forked
from serving import serving


def test_one_look_at_the_service(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as served:
        client_of(served).done()
        seen = served.cli("top")
        ran = run_forked(["top", "--once", "--data", str(served.data)], served.environment)

    assert seen["overview"]["queue"] == []
    assert max(each["hour"]["pictures"] for each in seen["routes"]) == 1
    assert (seen["failures"], seen["paid_usd"]) == ([], 0)
    assert ran.returncode == 0, ran.stderr
    assert "0 queued" in ran.stdout
    assert "sandbox/flux.1_kontext_pro" in ran.stdout
    assert "none in the last hour" in ran.stdout
