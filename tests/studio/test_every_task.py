"""Every page shows tasks of every type in every status, also those without a prompt."""

import http.client
import itertools
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from contract.client import client_of
from limner.application.ids import time_ordered
from limner.domain.tasks.request import CONCURRENCY_GROUPS, MULTIVIEW, TaskType
from limner.domain.tasks.task import Status
from serving import Served, serving
from studio.browser import session_on

PICTURE = {"blob": "0" * 64, "media_type": "image/png", "extension": "png", "width": 256, "height": 256}
VIEWS = PICTURE | {"views": dict.fromkeys(("front", "left", "back", "right"), PICTURE)}
LISTS = ("", "/feed", "/history", "/history/tiles", "/account", "/operator", "/operator/tasks?account=local")

_INSERT = """
    INSERT INTO tasks (id, account, type, bucket, status, model, echo, task_order, price, consumed, priority, place,
                       created_ms, started_ms, finished_ms, queue_deadline_ms, run_limit_ms, lease_owner,
                       lease_until_ms, result, served_by, error_code, error_msg, template)
    SELECT :id, account, :type, :bucket, :status, model, :echo, task_order, price, 0, priority, place, created_ms,
           :started_ms, :finished_ms, queue_deadline_ms, run_limit_ms, :lease_owner, :lease_until_ms, :result,
           :served_by, :error_code, :error_msg, :template
    FROM tasks WHERE id = :like
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without a worker: what is under way stays so."""
    with serving(tmp_path_factory.mktemp("every"), "--api-only") as running:
        yield running


@pytest.fixture(scope="module")
def tasks(served: Served) -> list[str]:
    like = client_of(served).submit(prompt="like this one")
    rows = [_row(type_, status, echo) for type_ in TaskType for status in Status for echo in _echoes(type_)]
    with closing(sqlite3.connect(served.data / "limner.db", isolation_level=None, timeout=60)) as connection:
        for row in rows:
            connection.execute(_INSERT, row | {"like": like})
    return [str(row["id"]) for row in rows]


def _echoes(type_: TaskType) -> list[dict[str, object]]:
    """What the request had beside its type: a prompt, a template without one, or neither where the type allows it."""
    file = {"file": {"type": "png", "file_token": "0" * 32}}
    match type_:
        case TaskType.TEXT_TO_IMAGE:
            return [{"prompt": "words alone", "model_version": "flux.1_dev"}]
        case TaskType.GENERATE_IMAGE:
            return [{"prompt": "words", "model_version": "gpt_4o"}, {"template": "figure", **file}]
        case _:
            return [file, {"prompt": "with words", **file}]


def _row(type_: TaskType, status: Status, echo: dict[str, object]) -> dict[str, object]:
    now_ms = int(time.time() * 1000)
    ended, running = status.final, status is Status.RUNNING
    pictured = status is Status.SUCCESS
    return {
        "id": time_ordered(now_ms),
        "type": type_,
        "bucket": CONCURRENCY_GROUPS[type_],
        "status": status,
        "echo": json.dumps(echo),
        "started_ms": now_ms if ended or running else None,
        "finished_ms": now_ms if ended else None,
        "lease_owner": "another process" if running else None,
        "lease_until_ms": now_ms + 3_600_000 if running else None,
        "result": json.dumps(VIEWS if type_ in MULTIVIEW else PICTURE) if pictured else None,
        "served_by": json.dumps({"provider": "sandbox", "generative": False}) if pictured else None,
        "error_code": 1001 if status is Status.FAILED else None,
        "error_msg": "the vendor is away" if status is Status.FAILED else None,
        "template": echo.get("template"),
    }


def test_every_page_shows_every_task(served: Served, tasks: list[str]) -> None:
    pages = [f"/pictures/{task}" for task in tasks] + [f"/operator/tasks/{task}" for task in tasks]
    pages += [f"/tasks/cards?ids={','.join(tasks)}", *(f"/tasks/{task}/request" for task in tasks[::7])]
    pages += [f"/compare?a={one}&b={other}" for one, other in itertools.pairwise(tasks[::5])]
    cookie = {"Cookie": f"limner_session={session_on(served, '--operator')}"}
    with closing(http.client.HTTPConnection(urlsplit(served.url).netloc)) as connection:
        refused, elsewhere = [], []
        for page in (*LISTS, *pages):
            connection.request("GET", f"/studio{page}", headers=cookie)
            with connection.getresponse() as answer:
                shown = answer.read().decode()
                if answer.status != 200:
                    refused.append((page, answer.status))
                if 'src="http' in shown:
                    elsewhere.append(page)

    assert refused == []
    assert elsewhere == []  # the page may be open under another name than the public URL
