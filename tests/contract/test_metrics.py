"""`/metrics` on the server's own address."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from contract.client import Client, client_of, newcomer
from serving import Served, serving

MOST_SERIES = 200
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def series(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_metrics_are_for_operators(idle: Served) -> None:
    nobody, customer = Client(idle.url), newcomer(idle, scopes=("generate", "read", "webhooks"))

    assert nobody.get("/metrics").refusal == (401, 1002)
    assert customer.get("/metrics").refusal == (403, 1005)


def test_metrics_follow_what_happens_and_name_no_account(served: Served, client: Client) -> None:
    client.done()
    answer = client.get("/metrics")
    text = answer.body.decode()

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert float(re.findall(r'^limner_task_changes_total{status="success"} (\S+)', text, re.MULTILINE)[0]) >= 1
    assert "local" not in text
    assert str(served.key) not in text


def test_a_new_install_has_few_series(data: Path) -> None:
    """A server of its own: each model that is used adds some."""
    with serving(data) as server:
        client = client_of(server)
        client.done()

        assert len(series(client.get("/metrics").body.decode())) <= MOST_SERIES


def rules() -> str:
    """All expressions of the dashboard and the alert rules."""
    dashboard = json.loads((DEPLOY / "grafana" / "limner.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return "\n".join([*panels, (DEPLOY / "prometheus" / "alerts.yml").read_text()])


def values(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in series(text)}


def test_every_series_of_the_dashboard_and_the_alerts_exists_and_those_of_tasks_move_in_a_run(
    served: Served, client: Client
) -> None:
    before = values(client.get("/metrics").body.decode())
    client.done()
    after = values(client.get("/metrics").body.decode())
    named = set(re.findall(r"\blimner_\w+", rules()))
    there = {re.sub(r"{.*", "", name) for name in after} | set(re.findall(r"# TYPE (\S+)", page(client)))
    moved = {re.sub(r"{.*", "", name) for name, value in after.items() if value != before.get(name)}

    assert len(named) > 20
    assert named - there == set()
    assert named & moved >= {
        "limner_task_changes_total",
        "limner_attempts_total",
        "limner_credits_consumed_total",
        "limner_vendor_latency_seconds_bucket",
        "limner_queue_wait_seconds_bucket",
        "limner_task_duration_seconds_bucket",
        "limner_database_unit_seconds_bucket",
        "limner_database_statements_total",
    }


def page(client: Client) -> str:
    return client.get("/metrics").body.decode()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="NOT CHECKED: promtool is missing (Debian: prometheus)")
def test_promtool_takes_the_alert_rules() -> None:
    subprocess.run(["promtool", "check", "rules", str(DEPLOY / "prometheus" / "alerts.yml")], check=True)
