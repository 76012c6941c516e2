"""Other published clients, and scripts of the kinds that people have.

One in Node for v3 stands in docs/v3.md and is run in tests/contract/v3.
"""

import pytest

from clients.walk import Place, Run

SPENT = [5, 0]


@pytest.fixture(params=["plain", "secured"])
def place(request: pytest.FixtureRequest) -> Place:
    """Over http, and over https with the authority that `limner serve` names."""
    found: Place = request.getfixturevalue(request.param)
    return found


def test_the_package_tripo_is_content(run: Run, place: Place) -> None:
    done = run("tripo_0_2.py", "tripo-0.2.1", place)

    done.check("uploaded")
    assert done.spent == SPENT
    assert done.reported["refusal"].startswith('404: {"code":2001,')


def test_a_script_with_requests_finds_the_old_names_too(run: Run, place: Place) -> None:
    done = run("raw_requests.py", "scripts", place)

    done.check("uploaded")
    status, answer = done.reported["refusal"]
    assert (status, answer["code"]) == (400, 2002)
    assert done.reported["thumbnail"]


def test_an_old_script_watches_until_the_task_is_done(run: Run, place: Place) -> None:
    done = run("watch_websockets.py", "scripts", place)

    done.check("watched")
    statuses = done.reported["statuses"]
    assert statuses[-1] == "success"
    assert set(statuses[:-1]) <= {"queued", "running"}
    assert done.reported["last"] == "finalized"


def test_what_a_person_types_with_curl_works(run_by: Run, place: Place) -> None:
    done = run_by("sh", "curl.sh", place, needs="curl")

    done.check("uploaded")


def test_plain_fetch_in_node_walks_from_an_upload_to_a_picture(run_by: Run, place: Place) -> None:
    done = run_by("node", "fetch_v2.mjs", place, needs="node")

    done.check("uploaded")
    status, answer = done.reported["refusal"]
    assert (status, answer["code"]) == (404, 9404)
