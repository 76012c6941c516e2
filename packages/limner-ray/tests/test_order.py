"""What may be submitted."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import GenerationRequest, ReferenceImage
from limner.providers.ray import encode
from limner_ray.order import BadOrder, engine_request, parse_order

GOOD: dict[str, Any] = {"id": "job-0001", "model": "FLUX.1-dev", "prompt": "a fox", "seed": 3}


def body(**changed: Any) -> bytes:
    return json.dumps({name: value for name, value in (GOOD | changed).items() if value is not ...}).encode()


def uri(form: str = "PNG", size: tuple[int, int] = (30, 20)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, form)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def test_an_order_becomes_the_request_of_an_engine(tmp_path: Path) -> None:
    asked = {
        "instructions": {"prompt": "a fox #1", "template": "figure", "t_pose": True},
        "aspect_ratio": "16:9",
        "size": "2K",
        "view": "back",
        "output_format": "webp",
        "output_compression": 80,
        "own_references": 1,
        "references": [uri(), uri("JPEG", (40, 40))],
        "options": {"steps": 4},
        "deadline_s": 9,
    }

    request = engine_request(parse_order(body(**asked)), 2, tmp_path)

    assert (request.task_id, request.attempt_id, request.upstream) == ("job-0001", "job-0001-2", "FLUX.1-dev")
    assert (request.prompt, request.seed, request.aspect_ratio, request.view) == ("a fox", 3, "16:9", "back")
    assert (request.spec.prompt, request.spec.template, request.spec.t_pose) == ("a fox #1", "figure", True)
    assert (request.spec.size, request.spec.output_format, request.spec.output_compression) == ("2K", "webp", 80)
    assert (request.own_references, request.options, request.deadline_s) == (1, {"steps": 4}, 9)
    assert [(each.media_type, each.width, each.height) for each in request.references] == [
        ("image/png", 30, 20),
        ("image/jpeg", 40, 40),
    ]
    assert all(each.path.exists() for each in request.references)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "short"}, "id: String should match pattern"),
        ({"id": "../../etc/passwd"}, "id: String should match pattern"),
        ({"prompt": ""}, "prompt: String should have at least 1 character"),
        ({"prompt": ...}, "prompt: Field required"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"seed": "3"}, "seed: Input should be a valid integer"),
        ({"aspect_ratio": "wide"}, "aspect_ratio: String should match pattern"),
        ({"size": "100000x1"}, "size: String should match pattern"),
        ({"output_format": "gif"}, "output_format: String should match pattern"),
        ({"deadline_s": 0}, "deadline_s: Input should be greater than 0"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"own_references": 1}, "own_references: 1 of 0 references"),
        ({"references": ["http://somewhere/a.png"]}, "references.0: is no data URI"),
        ({"references": [uri(), "data:image/png;base64,????"]}, "references.1: is no picture that can be read"),
        ({"references": ["data:image/png;base64,AAAA"]}, "references.0: is no picture that can be read"),
        ({"references": [uri()] * 17}, "references: List should have at most 16 items"),
        ({"options": {"a": "b" * 30_000}}, "options: Value error, more than 20000 characters"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_field(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOrder) as refused:
        parse_order(body(**changed))

    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff"])
def test_what_is_no_order_is_refused(text: bytes) -> None:
    with pytest.raises(BadOrder):
        parse_order(text)


def test_a_digest_says_whether_two_jobs_are_the_same_but_for_their_time() -> None:
    digest = parse_order(body()).digest

    assert parse_order(body(deadline_s=5)).digest == digest
    assert parse_order(body(seed=4)).digest != digest
    assert parse_order(body(references=[uri()])).digest != digest
    assert parse_order(body(references=[uri()])).digest != parse_order(body(references=[uri(size=(9, 9))])).digest


def test_what_limner_sends_is_an_order(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (30, 20), "red").save(picture)
    request = GenerationRequest(
        task_id="a task", attempt_id="an attempt", upstream="FLUX.2-klein-4B", prompt="a fox",
        spec=TaskSpec(prompt="a fox", size="1K", output_format="png", output_compression=3),
        references=(ReferenceImage(picture, "image/png", 30, 20),), aspect_ratio="3:2", seed=1, workdir=tmp_path,
        own_references=1, view="back",
    )  # fmt: skip
    sent = encode(request, "job-0001") | {"references": [uri()]}

    assert parse_order(json.dumps(sent).encode()).model == "FLUX.2-klein-4B"
