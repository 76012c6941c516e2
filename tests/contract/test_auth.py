"""Who is let in, and what of others they see."""

import asyncio
import time
from collections.abc import Callable

import pytest

from contract.client import BASE, PICTURE, TIMEOUT_S, Answer, Client, newcomer, settings_of
from limner.bootstrap import opened
from serving import Served

EXACTLY = (
    b'{"code":1002,"message":"Authentication failed",'
    b'"suggestion":"Check if your credentials is valid, and ensure you set it correctly"}'
)
NOBODY = "00000000-0000-4000-8000-000000000000"

CALLS: dict[str, Callable[[Client], Answer]] = {
    "create": lambda client: client.create(),
    "read": lambda client: client.get(f"{BASE}/task/{NOBODY}"),
    "batch": lambda client: client.post("/task/batch", {"task_ids": [NOBODY]}),
    "cancel": lambda client: client.post(f"/task/{NOBODY}/cancel", b""),
    "upload": lambda client: client.upload(PICTURE),
    "upload/sts": lambda client: client.upload(PICTURE, path="/upload/sts"),
    "models": lambda client: client.get(f"{BASE}/models"),
    "balance": lambda client: client.get(f"{BASE}/user/balance"),
    "wallet": lambda client: client.get(f"{BASE}/user/wallet/balance"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("key", [None, "tsk_" + "A" * 43], ids=["no key", "an unknown key"])
def test_without_a_good_key_the_answer_is_the_upstreams_to_the_letter(
    client: Client, call: Callable[[Client], Answer], key: str | None
) -> None:
    answer = call(client.as_(key))

    assert answer.status == 401
    assert answer.body == EXACTLY
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {key}",
        "{key}",
        "Bearer x{key}",
        "Bearer {key}x",
        "Bearer tcli_1",
        "Bearer tsk_é",
    ],
)
def test_a_header_that_is_nearly_right_is_wrong(client: Client, header: str) -> None:
    sent = {"Authorization": header.format(key=client.key)}
    answer = client.get(f"{BASE}/user/balance", sent, auth=False)

    assert (answer.status, answer.body) == (401, EXACTLY)


def test_the_scheme_may_be_in_any_case(client: Client) -> None:
    answer = client.get(f"{BASE}/user/balance", {"Authorization": f"bearer {client.key}"}, auth=False)

    assert answer.status == 200


def test_a_key_is_not_taken_from_the_address(client: Client) -> None:
    answer = client.get(f"{BASE}/user/balance?key={client.key}&authorization=Bearer%20{client.key}", auth=False)

    assert answer.status == 401


def test_a_revoked_key_is_refused_within_a_few_seconds(served: Served) -> None:
    made = served.cli("keys", "create", "--name", "short-lived")
    client = Client(served.url, made["key"])
    first = client.get(f"{BASE}/user/balance").status
    served.cli("keys", "revoke", made["id"])
    deadline = time.monotonic() + TIMEOUT_S
    while (answer := client.get(f"{BASE}/user/balance")).status == 200 and time.monotonic() < deadline:
        time.sleep(0.1)

    assert first == 200
    assert (answer.status, answer.body) == (401, EXACTLY)


def test_a_key_that_may_only_read_creates_cancels_and_uploads_nothing(idle: Served) -> None:
    reader = newcomer(idle, scopes=("read",))
    refused = [reader.create(), reader.upload(PICTURE), reader.post(f"/task/{NOBODY}/cancel", b"")]

    assert [answer.refusal for answer in refused] == [(403, 1005)] * 3
    assert all("'generate'" in answer.suggestion for answer in refused)
    assert reader.get(f"{BASE}/user/balance").status == 200


def test_a_key_that_may_only_generate_reads_nothing(idle: Served) -> None:
    maker = newcomer(idle, scopes=("generate",))
    made = maker.submit()
    refused = [maker.get(f"{BASE}/task/{made}"), maker.get(f"{BASE}/user/balance")]
    refused.append(maker.post("/task/batch", {"task_ids": [made]}))

    assert [answer.refusal for answer in refused] == [(403, 1005)] * 3
    assert all("'read'" in answer.suggestion for answer in refused)


def test_another_accounts_task_is_as_unknown_as_none_at_all(client: Client, other_client: Client) -> None:
    theirs = client.submit()
    reads = [other_client.get(f"{BASE}/task/{each}") for each in (theirs, NOBODY)]
    cancels = [other_client.post(f"/task/{each}/cancel", b"") for each in (theirs, NOBODY)]

    assert [answer.refusal for answer in reads + cancels] == [(404, 2001)] * 4
    assert reads[0].body.replace(theirs.encode(), NOBODY.encode()) == reads[1].body
    assert client.wait(theirs)["status"] == "success"


def test_another_accounts_upload_is_as_unknown_as_none_at_all(client: Client, other_client: Client) -> None:
    theirs = client.token()
    answers = [other_client.create(file={"file_token": each}) for each in (theirs, NOBODY)]

    assert [answer.refusal for answer in answers] == [(404, 2019)] * 2
    assert answers[0].body.replace(theirs.encode(), NOBODY.encode()) == answers[1].body


def test_another_accounts_object_is_not_found(client: Client, other_client: Client) -> None:
    theirs = client.task(client.submit(file={"file_token": client.token()}))["input"]["file"]["object"]
    answer = other_client.create(file={"object": theirs})

    assert answer.refusal == (404, 2019)
    assert client.done(file={"object": theirs})["status"] == "success"


def test_every_key_of_an_account_sees_its_tasks(served: Served, client: Client) -> None:
    second = client.as_(asyncio.run(second_key(served)))
    task_id = client.submit()

    assert second.task(task_id)["task_id"] == task_id
    assert second.balance()[0] > 0


async def second_key(served: Served) -> str:
    async with opened(settings_of(served)) as limner:
        return (await limner.accounts.create_key("local", "second", ("read",))).secret


def test_tasks_of_two_accounts_are_paid_by_each_its_own(served: Served) -> None:
    first, second = newcomer(served, credits=50), newcomer(served, credits=50)
    first.done()

    assert (first.balance(), second.balance()) == ((45, 0), (50, 0))
