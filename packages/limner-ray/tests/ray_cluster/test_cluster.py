"""The application on a real cluster: what callers get while nodes, replicas and the registry go away under it.

The tests share one cluster, and leave it as they found it: two nodes, two replicas, no job.
"""

import asyncio
import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import ray
from PIL import Image
from ray_cluster.harness import KEY, RayHarness
from ray_cluster.jobs_client import order
from ray_cluster.limner_server import limner_server

from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, VendorAccount
from limner.providers.ray import RayProvider
from limner_ray.registry import NAME, NAMESPACE

UNFINISHED = {"queued", "running"}


def two_replicas(harness: RayHarness) -> bool:
    return harness.replicas() == {"RUNNING": 2}


@pytest.fixture(autouse=True)
def as_it_was(harness: RayHarness) -> None:
    harness.client.until(lambda: two_replicas(harness))


def request(workdir: Path, model: str, prompt: str, **facts: Any) -> GenerationRequest:
    workdir.mkdir(exist_ok=True)
    return GenerationRequest(
        task_id="a-task",
        attempt_id="an-attempt",
        upstream=model,
        prompt=prompt,
        spec=TaskSpec(prompt=prompt),
        references=(),
        aspect_ratio=None,
        seed=7,
        workdir=workdir,
        **facts,
    )


async def followed(provider: RayProvider, handle: Mapping[str, Any], asked: GenerationRequest) -> Delivered:
    outcome = await provider.poll(handle, asked)
    while isinstance(outcome, Pending):
        await asyncio.sleep(outcome.wait_s)
        outcome = await provider.poll(handle, asked)
    assert isinstance(outcome, Delivered), outcome
    return outcome


def test_the_built_in_engine_draws_for_limner_and_the_same_request_is_the_same_job(
    harness: RayHarness, tmp_path: Path
) -> None:
    async def drawn() -> tuple[list[Delivered], list[str]]:
        provider = RayProvider(VendorAccount(harness.client.url, KEY))
        delivered, handles = [], []
        for name in ("first", "second"):
            asked = request(tmp_path / name, "limner-builtin", "a red fox in the snow", options={})
            accepted = await provider.submit(asked, lambda _: None)
            assert isinstance(accepted, Accepted), accepted
            handles.append(accepted.handle["id"])
            delivered.append(await followed(provider, accepted.handle, asked))
        await provider.close()
        return delivered, handles

    [first, second], handles = asyncio.run(drawn())

    with Image.open(first.picture.source) as picture:
        assert picture.size == (1024, 1024)
    assert first.picture.source.read_bytes() == second.picture.source.read_bytes()
    assert first.served_by["provider"] == "ray"
    assert (first.served_by["generative"], first.served_by["method"]) == (False, "composited")
    assert handles[0] == handles[1]
    assert harness.client.job(handles[0])["attempt"] == 1


def test_a_node_that_is_killed_in_mid_picture_costs_a_second_drawing_and_nothing_else(harness: RayHarness) -> None:
    jobs = {prompt: harness.client.submit(prompt) for prompt in ("kill one", "kill two")}
    harness.gate.wait_begun(*jobs)
    [node] = harness.nodes
    lost = next(prompt for prompt, job in jobs.items() if harness.client.job(job)["node"] == node.node_id)
    [stays] = jobs.keys() - {lost}

    harness.kill_node(node)
    harness.gate.wait_for(lambda gate: gate.cut[lost] == 1)
    harness.gate.release(stays)
    harness.gate.wait_begun(lost, times=2)
    harness.gate.release(lost)
    ended = {prompt: harness.client.ended(job) for prompt, job in jobs.items()}
    harness.add_node()

    assert {each["status"] for each in ended.values()} == {"done"}
    assert (ended[lost]["attempt"], ended[stays]["attempt"]) == (2, 1)
    assert (harness.gate.drawn[lost], harness.gate.drawn[stays]) == (1, 1)


def test_a_registry_that_is_killed_comes_back_with_its_jobs_and_no_drawing_is_repeated(harness: RayHarness) -> None:
    jobs = {prompt: harness.client.submit(prompt) for prompt in ("held one", "held two", "waits")}
    harness.gate.wait_begun("held one", "held two")

    ray.kill(ray.get_actor(NAME, NAMESPACE), no_restart=False)
    harness.gate.release("held one")
    harness.gate.wait_begun("waits")
    harness.gate.release("held two")
    harness.gate.release("waits")
    ended = [harness.client.ended(job) for job in jobs.values()]

    assert [each["status"] for each in ended] == ["done"] * 3
    assert [harness.gate.drawn[prompt] for prompt in jobs] == [1, 1, 1]
    assert [harness.gate.begun[prompt] for prompt in jobs] == [1, 1, 1]


def test_a_new_deployment_lets_the_old_one_finish_its_picture(harness: RayHarness) -> None:
    old = harness.client.submit("before")
    harness.gate.wait_begun("before")

    deploying = harness.deploy_beside(options={"label": "new"})
    harness.client.until(lambda: not two_replicas(harness))
    meanwhile = harness.client.submit("meanwhile")
    harness.gate.release("before")
    harness.gate.wait_begun("meanwhile")
    harness.gate.release("meanwhile")
    assert deploying.wait() == 0
    after = harness.client.submit("after")
    harness.gate.wait_begun("after")
    harness.gate.release("after")
    ended = [harness.client.ended(job) for job in (old, meanwhile, after)]

    assert [(each["status"], each["attempt"]) for each in ended] == [("done", 1)] * 3
    assert (ended[0]["served_by"]["label"], ended[2]["served_by"]["label"]) == ("", "new")
    assert [harness.gate.begun[prompt] for prompt in ("before", "meanwhile", "after")] == [1, 1, 1]


def test_the_number_of_replicas_follows_the_jobs(harness: RayHarness) -> None:
    harness.deploy(min_replicas=1, max_replicas=2)
    harness.client.until(lambda: harness.replicas() == {"RUNNING": 1})
    jobs = {prompt: harness.client.submit(prompt) for prompt in ("up one", "up two", "up three")}

    harness.client.until(lambda: sum(harness.gate.begun[prompt] for prompt in jobs) == 2)
    for prompt in jobs:
        harness.gate.wait_begun(prompt) if harness.gate.begun[prompt] else None
        harness.gate.release(prompt)
    harness.gate.wait_begun(*jobs)
    for prompt in jobs:
        harness.gate.release(prompt)
    ended = [harness.client.ended(job) for job in jobs.values()]
    harness.client.until(lambda: harness.replicas() == {"RUNNING": 1})
    harness.deploy(min_replicas=2)

    assert [(each["status"], each["attempt"]) for each in ended] == [("done", 1)] * 3


def test_a_cancelled_job_stops_where_it_is(harness: RayHarness) -> None:
    job = harness.client.submit("cancelled")
    harness.gate.wait_begun("cancelled")

    answer = harness.client.call("POST", f"/v1/jobs/{job}/cancel")
    harness.gate.wait_for(lambda gate: gate.cut["cancelled"] == 1)

    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    assert harness.client.job(job)["status"] == "cancelled"
    assert harness.gate.begun["cancelled"] == 1


def test_a_failed_job_says_why_and_is_drawn_again_when_it_is_submitted_again(harness: RayHarness) -> None:
    asked = order("fails")
    harness.client.call("POST", "/v1/jobs", asked)
    harness.gate.wait_begun("fails")
    harness.gate.release("fails", "no_image")
    failed = harness.client.ended(asked["id"])

    again = harness.client.call("POST", "/v1/jobs", asked)
    harness.gate.wait_begun("fails", times=2)
    harness.gate.release("fails")
    done = harness.client.ended(asked["id"])

    assert failed["error"] == {"kind": "no_image", "message": "the gate says so", "detail": None}
    assert again.status == 201
    assert (done["status"], done["attempt"]) == ("done", 2)


def test_a_replica_gives_a_model_up_for_another(harness: RayHarness) -> None:
    """Three models, two replicas, and room for one model in each."""
    closed = harness.gate.closed
    for model in ("near", "far", "third"):
        job = harness.client.submit(f"of {model}", model)
        harness.gate.wait_begun(f"of {model}")
        harness.gate.release(f"of {model}")
        assert harness.client.ended(job)["status"] == "done"

    harness.gate.wait_for(lambda gate: gate.closed > closed)


def test_references_reach_the_engine_and_bad_input_is_named(harness: RayHarness) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "PNG")
    picture = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    post = harness.client.call

    job = harness.client.submit("with pictures", references=[picture, picture], own_references=2)
    harness.gate.wait_begun("with pictures")
    harness.gate.release("with pictures")
    done = harness.client.ended(job)
    raw = post("GET", f"/v1/jobs/{job}/picture")
    inline = post("GET", f"/v1/jobs/{job}?picture=1").json["picture"]

    assert done["picture"]["media_type"] == "image/png"
    assert base64.b64decode(inline["base64"]) == raw.body
    refused = {
        "references.0: is no picture that can be read": order("x", references=["data:image/png;base64,AAAA"]),
        "model: 'nobody' has no engine here": order("x", "nobody"),
        "seed: Input should be greater than or equal to 0": order("x") | {"seed": -1},
        "colour: Extra inputs are not permitted": order("x", colour="red"),
        "id: there is another job under": order("another prompt") | {"id": job},
    }
    for said, body in refused.items():
        answer = post("POST", "/v1/jobs", body)
        assert answer.status in {404, 409, 422}
        assert answer.json["error"]["message"].startswith(said)
    assert post("POST", "/v1/jobs", order("x"), key="wrong").status == 401
    assert post("GET", "/v1/jobs/job-of-nobody").status == 404
    assert post("DELETE", f"/v1/jobs/{job}").status == 204
    assert post("GET", f"/v1/jobs/{job}").status == 404


def test_a_limner_that_is_killed_takes_its_job_up_by_its_handle(harness: RayHarness, tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text(
        '[[route]]\nmodel = "flux.1_dev"\nprovider = "ray"\nupstream = "near"\n[route.options.facts]\npictures = 0\n'
    )
    with limner_server(tmp_path, harness.client.url) as first:
        task = first.post_task("the lighthouse")
        harness.gate.wait_begun("the lighthouse")
        first.kill()
    with limner_server(tmp_path, harness.client.url, first.key) as second:
        harness.gate.release("the lighthouse")
        shown = harness.client.until(lambda: (found := second.task(task))["status"] not in UNFINISHED and found)

    assert (shown["status"], shown["consumed_credit"]) == ("success", 5)
    assert harness.gate.begun["the lighthouse"] == 1


def test_a_new_cluster_on_the_same_folder_has_the_jobs_of_the_old_one(harness: RayHarness) -> None:
    done, lost = harness.client.submit("kept"), harness.client.submit("lost with the head")
    harness.gate.wait_begun("kept", "lost with the head")
    harness.gate.release("kept")
    harness.client.ended(done)
    picture = harness.client.call("GET", f"/v1/jobs/{done}/picture").body

    harness.stop()
    harness.gate.wait_for(lambda gate: gate.cut["lost with the head"] == 1)
    harness.start()
    harness.deploy()
    again = harness.client.call("GET", f"/v1/jobs/{done}/picture").body
    harness.gate.wait_begun("lost with the head", times=2)
    harness.gate.release("lost with the head")

    assert picture == again
    assert harness.client.ended(lost)["status"] == "done"
    assert harness.gate.drawn["lost with the head"] == 1
