"""The error table: what it says, and that each code this API can return is returned."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.client import BASE, PICTURE, Answer, Client, client_of, newcomer
from limner.api.v2.errors import ERRORS
from serving import Served, serving

# Code, HTTP status, message: as clients know them, spelling mistakes included.
TABLE = [
    (1000, 500, "Unknown error on sever side"),
    (1001, 500, "Fatal error on server side"),
    (1002, 401, "Authentication failed"),
    (1003, 400, "The request body is malformed"),
    (1004, 400, "One or more of your parameter is invalid"),
    (1005, 403, "You are not allowed to access this resource"),
    (1007, 429, "Rate limit exceeded, you've generated too many requests in a short amount of time"),
    (2000, 429, "You have exceeded the limit of generation"),
    (2001, 404, "The task is not found"),
    (2002, 400, "This task type is not supported"),
    (2003, 400, "The image file is empty"),
    (2004, 400, "This image file type is not supported"),
    (2005, 400, "The draft task is not a success task"),
    (2006, 400, "The original task type is not supported"),
    (2007, 400, "The original task is not a succeeded task"),
    (2008, 400, "The input is rejected due to violation of content policy"),
    (2009, 400, "The input prompt contains invalid characters"),
    (2010, 403, "You don't have enough credit to create this task"),
    (2011, 400, "The input task type cannot be prerigcheck without model"),
    (2012, 400, "The input task type is not valid"),
    (2013, 403, "The priority is invalid"),
    (2014, 400, "Error occurred when auditing"),
    (2015, 400, "The version has been deprecated, please try higher version"),
    (2016, 400, "The request type has been deprecated"),
    (2017, 400, "The version value is valid"),
    (2018, 400, "The model is too complex to remesh"),
    (2019, 404, "The file is not found"),
]
# Codes whose text is not documented, so that it is Limner's.
OUR_WORDS = {2021: 400, 2022: 400, 9404: 404, 9405: 405, 9414: 404, 9415: 404}

# Not used by this API: 3D work, moderation before acceptance, retired names, webhooks, and 1001, for failed tasks only.
UNREACHED = {1001, 2005, 2008, 2011, 2012, 2014, 2015, 2016, 2018, 2021, 9414, 9415}


@pytest.mark.parametrize(("code", "status", "message"), TABLE)
def test_the_table_is_the_upstreams(code: int, status: int, message: str) -> None:
    row = ERRORS[code]

    assert (row.status, row.message) == (status, message)
    assert row.suggestion


def test_the_table_holds_nothing_else_than_codes_with_our_own_words() -> None:
    ours = ERRORS.keys() - {code for code, _, _ in TABLE}

    assert {code: ERRORS[code].status for code in ours} == OUR_WORDS


@dataclass(frozen=True)
class Scene:
    """The callers that the provocations below need."""

    client: Client
    poor: Client
    reader: Client
    hasty: Client


@pytest.fixture(scope="module")
def scene(idle: Served) -> Scene:
    return Scene(
        client=newcomer(idle),
        poor=newcomer(idle, credits=4),
        reader=newcomer(idle, scopes=("read",)),
        hasty=newcomer(idle),
    )


def uploads_in_a_rush(scene: Scene) -> Answer:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: scene.hasty.upload(PICTURE), range(100)))
    return next(answer for answer in answers if answer.status != 200)


def edited(client: Client, original: str) -> Answer:
    prompts = [{"view": "back", "prompt": "a cape"}]
    return client.create(type="edit_multiview_image", original_task_id=original, prompts=prompts)


def turning(client: Client) -> str:
    """A multiview task that waits."""
    task: str = client.create(type="generate_multiview_image", file={"file_token": client.token()}).data["task_id"]
    return task


PROVOKED: dict[int, Callable[[Scene], Answer]] = {
    1002: lambda scene: scene.client.as_(None).create(),
    1003: lambda scene: scene.client.post("/task", b"{"),
    1004: lambda scene: scene.client.create(prompt=""),
    1005: lambda scene: scene.reader.create(),
    1007: uploads_in_a_rush,
    2001: lambda scene: scene.client.get(f"{BASE}/task/nothing"),
    2002: lambda scene: scene.client.create(type="image_to_cheese"),
    2003: lambda scene: scene.client.upload(b""),
    2004: lambda scene: scene.client.upload(b"GIF89a"),
    2006: lambda scene: edited(scene.client, scene.client.submit()),
    2007: lambda scene: edited(scene.client, turning(scene.client)),
    2009: lambda scene: scene.client.create(prompt="a cat \N{CAT FACE}"),
    2010: lambda scene: scene.poor.create(),
    2013: lambda scene: scene.client.create(priority=4),
    2017: lambda scene: scene.client.create(model_version="flux.9"),
    2019: lambda scene: scene.client.create(file={"file_token": "00000000-0000-4000-8000-000000000000"}),
    2022: lambda scene: scene.client.upload(PICTURE + bytes(20 * 1024 * 1024)),
    9404: lambda scene: scene.client.get(f"{BASE}/nothing"),
    9405: lambda scene: scene.client.call("DELETE", f"{BASE}/task"),
}


@pytest.mark.parametrize("code", PROVOKED)
def test_a_refusal_has_its_row_of_the_table_in_the_envelope(scene: Scene, code: int) -> None:
    answer = PROVOKED[code](scene)

    assert answer.refusal == (ERRORS[code].status, code)
    assert answer.json["message"] == ERRORS[code].message
    assert answer.suggestion
    assert answer.headers["Content-Type"] == "application/json"


def test_too_many_tasks_are_refused_with_their_row(data: Path) -> None:
    with serving(data, "--api-only", account_tasks="1") as server:
        client = client_of(server)
        client.submit()
        answer = client.create()

    assert answer.refusal == (429, 2000)
    assert answer.json["message"] == ERRORS[2000].message


def test_every_code_is_either_provoked_here_or_known_to_be_out_of_reach() -> None:
    elsewhere = {1000, 2000}

    assert PROVOKED.keys() | elsewhere | UNREACHED == ERRORS.keys()


def test_a_success_has_a_code_of_zero_and_no_message(client: Client) -> None:
    answer = client.get(f"{BASE}/user/balance")

    assert set(answer.json) == {"code", "data"}
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/v2", "/v2/openapi", f"{BASE}/user", f"{BASE}/task/a/b/c"])
def test_an_unknown_route_has_another_code_than_an_unknown_task(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.refusal == (404, 9404)
    assert path in answer.suggestion


def test_a_wrong_method_lists_the_allowed_ones(client: Client) -> None:
    answer = client.call("PUT", f"{BASE}/task", b"{}")

    assert answer.refusal == (405, 9405)
    assert answer.headers["Allow"] == "POST"
