"""`/metrics` on the server's own address."""

import re

from contract.client import Client, newcomer
from serving import Served

MOST_SERIES = 200


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
    assert len(series(text)) <= MOST_SERIES
    assert "local" not in text
    assert str(served.key) not in text
