"""Reference pictures in a task: how they are named, which are taken, and what is refused before anything is kept."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract.client import PHOTO, PICTURE, WEBP, Client, footprint, newcomer
from serving import Served
from unit.intake.pictures import encoded, png, scene

MIB = 1024 * 1024
NOBODY = "00000000-0000-4000-8000-000000000000"
URL = {"url": "https://example.org/a.png"}
GPT = "gpt_image_2"


def inline_of(content: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(content).decode()}


def frames(kind: str) -> bytes:
    """An animated picture."""
    return encoded(scene(), kind, save_all=True, append_images=[scene().rotate(90)])


BAD_PICTURES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "empty": (lambda: b"", 2003, "empty"),
    "a truncated JPEG": (lambda: PHOTO[: len(PHOTO) // 2], 2003, "cannot be decoded"),
    "a truncated PNG": (lambda: PICTURE[:-20], 2003, "cannot be decoded"),
    "a damaged PNG": (lambda: PICTURE[:60] + b"\0\0\0\0" + PICTURE[64:], 2003, "cannot be decoded"),
    "noise behind a signature": (lambda: PICTURE[:8] + b"noise" * 50, 2003, "cannot be decoded"),
    "an SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 2004, "an SVG"),
    "an animated WebP": (lambda: frames("WEBP"), 2004, "an animated WebP"),
    "an animated PNG": (lambda: frames("PNG"), 2004, "an animated PNG"),
    "a GIF": (lambda: encoded(scene(), "GIF"), 2004, "a GIF"),
    "a BMP": (lambda: encoded(scene(), "BMP"), 2004, "a BMP"),
    "a TIFF": (lambda: encoded(scene(), "TIFF"), 2004, "a TIFF"),
    "an HTML page": (lambda: b"<!doctype html><html><body>no</body></html>", 2004, "an HTML page"),
    "base64": (lambda: base64.b64encode(PICTURE), 2004, "base64"),
    "a zip": (lambda: b"PK\x03\x04" + bytes(100), 2004, "an archive"),
    "something": (lambda: b"\x07" * 5000, 2004, "unknown type"),
    "a bomb of 900 megapixels": (lambda: png(30_000, 30_000), 2022, "30000 x 30000 px"),
    "too narrow": (lambda: encoded(scene((19, 400)), "PNG"), 1004, "at least 20 px"),
    "21 MB": (lambda: PICTURE + bytes(21 * MIB), 2022, "20 MB"),
}


@pytest.fixture
def client(idle: Served) -> Client:
    return newcomer(idle)


@pytest.fixture
def refusing(idle: Served, client: Client) -> Iterator[Client]:
    """A client all of whose requests have to leave nothing behind."""
    before = footprint(idle)
    yield client
    assert footprint(idle) == before


@pytest.mark.parametrize(("content", "code", "words"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_a_picture_that_will_not_do_is_refused_at_upload(
    refusing: Client, content: Callable[[], bytes], code: int, words: str
) -> None:
    answer = refusing.upload(content())

    assert answer.refusal == (400, code)
    assert words in answer.suggestion
    assert answer.suggestion.startswith("file: ")
    assert "20 MB" in answer.suggestion or "px" in answer.suggestion


@pytest.mark.parametrize(("content", "code", "words"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_a_picture_that_will_not_do_is_refused_inside_a_request(
    refusing: Client, content: Callable[[], bytes], code: int, words: str
) -> None:
    answer = refusing.create(model_version=GPT, files=[inline_of(PICTURE), inline_of(content())])

    assert answer.refusal in {(400, code), (400, 1003)}
    assert answer.json["code"] == code or "28 MB" in answer.suggestion
    assert answer.json["code"] == 1003 or answer.suggestion.startswith("files[1].data: ")


@pytest.mark.parametrize("content", [PICTURE, PHOTO, WEBP], ids=["png", "jpeg", "webp"])
@pytest.mark.parametrize("way", ["upload", "inline"])
def test_png_jpeg_and_webp_are_taken(served: Served, way: str, content: bytes) -> None:
    client = newcomer(served)
    file = inline_of(content) if way == "inline" else {"file_token": client.token(content)}
    task = client.done(model_version=GPT, file=file)

    assert task["status"] == "success"


@pytest.mark.parametrize("model", ["flux.1_kontext_pro", "flux.1_dev"])
def test_webp_for_kontext_is_refused_when_it_was_uploaded(idle: Served, client: Client, model: str) -> None:
    token = client.token(WEBP)
    before = footprint(idle)
    answer = client.create(model_version=model, files=[{"file_token": token}])

    assert answer.refusal == (400, 2004)
    assert answer.suggestion.startswith("files[0].file_token: flux.1_kontext_pro does not accept image/webp images")
    assert "image/jpeg or image/png" in answer.suggestion
    assert footprint(idle) == before


def test_webp_for_kontext_is_refused_inside_a_request(refusing: Client) -> None:
    answer = refusing.create(file=inline_of(WEBP))

    assert answer.refusal == (400, 2004)
    assert answer.suggestion.startswith("file.data: flux.1_kontext_pro does not accept image/webp images")


def test_a_data_url_is_taken_as_base64(client: Client) -> None:
    data = "data:image/png;base64," + base64.b64encode(PICTURE).decode()

    assert client.create(file={"data": data}).status == 200


@pytest.mark.parametrize("data", ["not base64!", "data:image/png;base64,???", "AAAAA", "é"])
def test_what_is_no_base64_is_refused(refusing: Client, data: str) -> None:
    answer = refusing.create(file={"data": data})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("file.data: data is not base64")


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"type": "png"},
        {"file_token": None},
        {"file_token": NOBODY, "url": "https://example.org/a.png"},
        {"url": "https://example.org/a.png", "object": {"bucket": "tripo-data", "key": "a"}},
        {"data": "AAAA", "file_token": NOBODY},
        {"file_token": NOBODY, "url": "https://a.example/", "object": {"bucket": "a", "key": "b"}, "data": "AAAA"},
    ],
)
@pytest.mark.parametrize("field", ["file", "files"])
def test_a_file_has_exactly_one_source(refusing: Client, field: str, file: dict[str, Any]) -> None:
    sent = file if field == "file" else [URL, file]
    answer = refusing.create(**{field: sent})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("file is " if field == "file" else "files[1] is ")
    assert "exactly one of file_token, url, object, task_id and data" in answer.suggestion


@pytest.mark.parametrize("files", [[None], [URL, None], ["a.png"], [1], [[URL]], URL, "a.png", 1, True])
def test_files_is_a_list_of_files(refusing: Client, files: Any) -> None:
    answer = refusing.create(files=files)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("files")


@pytest.mark.parametrize("file", ["a.png", 1, True, [URL]])
def test_file_is_one_file(refusing: Client, file: Any) -> None:
    answer = refusing.create(file=file)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("file ")


@pytest.mark.parametrize("object_", [{}, {"bucket": "tripo-data"}, {"key": "a"}, {"bucket": 1, "key": "a"}, "a", []])
def test_an_object_has_a_bucket_and_a_key(refusing: Client, object_: Any) -> None:
    answer = refusing.create(file={"object": object_})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("file.object")


@pytest.mark.parametrize("hint", ["jpg", "png", "image/png,image/jpeg", "image", "", None, "x" * 300, 7, ["png"]])
def test_the_type_of_a_file_is_a_hint_and_not_validated(client: Client, hint: Any) -> None:
    assert client.create(file={**URL, "type": hint}).status == 200


def test_an_empty_list_of_files_is_no_file(client: Client) -> None:
    task = client.task(client.submit(model_version="midjourney", files=[], file=None))

    assert task["input"]["model_version"] == "midjourney"


@pytest.mark.parametrize(("model", "cap"), [("flux.1_kontext_pro", 4), ("flux.1_dev", 4)])
def test_kontext_takes_four_files(refusing: Client, model: str, cap: int) -> None:
    answer = refusing.create(model_version=model, files=[URL] * (cap + 1))

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("files: 5 reference images were given, flux.1_kontext_pro takes at most 4")


@pytest.mark.parametrize(
    "model",
    [
        "gpt_4o",
        "gpt_image_1.5",
        "gpt_image_2",
        "gemini_2.5_flash_image_preview",
        "gemini_3_pro_image_preview",
        "gemini_3.1_flash_image_preview",
    ],
)
def test_the_others_take_ten_files(idle: Served, client: Client, model: str) -> None:
    taken = client.create(model_version=model, file=URL, files=[URL] * 9)
    before = footprint(idle)
    refused = client.create(model_version=model, file=URL, files=[URL] * 10)

    assert taken.status == 200
    assert refused.refusal == (400, 1004)
    assert f"11 reference images were given, {model} takes at most 10" in refused.suggestion
    assert footprint(idle) == before


@pytest.mark.parametrize("template", ["figure", "t_pose"])
def test_a_templates_pictures_give_way_to_the_callers(client: Client, template: str) -> None:
    assert client.create(template=template, files=[URL] * 4).status == 200


def test_file_comes_before_files(served: Served) -> None:
    client = newcomer(served)
    first, second, third = (client.token(encoded(scene((side, side)), "PNG")) for side in (30, 40, 50))
    task = client.done(file={"file_token": first}, files=[{"file_token": second}, {"file_token": third}])
    reported = served.cli("tasks", "explain", task["task_id"])

    assert [(each["field"], each["clean"]["width"]) for each in reported["inputs"]] == [
        ("file", 30),
        ("files[0]", 40),
        ("files[1]", 50),
    ]


def test_an_upload_may_be_used_again_and_again(served: Served) -> None:
    client = newcomer(served)
    token = client.token()
    tasks = [client.done(file={"file_token": token}) for _ in range(2)]

    assert [task["status"] for task in tasks] == ["success", "success"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cat.png",
        "//example.org/cat.png",
        "ftp://example.org/cat.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "gopher://example.org/",
        "http://",
        "http:///cat.png",
        "https://user:word@example.org/cat.png",
        "http://exa mple.org/",
        "http://example.org\\@localhost/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://[::1",
        "http://example.org/\n",
        "https://example.org/" + "a" * 8192,
    ],
)
def test_what_is_no_http_address_is_refused_at_once(refusing: Client, url: str) -> None:
    answer = refusing.create(files=[URL, {"url": url}])

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("files[1].url")


@pytest.mark.parametrize(
    "file", [{"file_token": NOBODY}, {"object": {"bucket": "tripo-data", "key": "a/b/c/input.png"}}]
)
def test_an_unknown_upload_is_not_found(refusing: Client, file: dict[str, Any]) -> None:
    answer = refusing.create(file=file)

    assert answer.refusal == (404, 2019)
    assert answer.suggestion.startswith("file.file_token: " if "file_token" in file else "file.object: ")
    assert "/upload" in answer.suggestion


def test_an_object_in_another_bucket_is_not_found(idle: Served, client: Client) -> None:
    known = client.task(client.submit(file={"file_token": client.token()}))["input"]["file"]["object"]
    before = footprint(idle)
    answer = client.create(file={"object": {**known, "bucket": "another"}})

    assert answer.refusal == (404, 2019)
    assert footprint(idle) == before


def test_a_picture_inside_a_request_is_not_kept_when_another_is_unknown(refusing: Client) -> None:
    fresh = encoded(scene((33, 44)), "PNG")
    answer = refusing.create(file=inline_of(fresh), files=[{"file_token": NOBODY}])

    assert answer.refusal == (404, 2019)


def test_a_picture_inside_a_request_is_not_kept_without_the_credits(idle: Served) -> None:
    poor, before = newcomer(idle, credits=4), footprint(idle)
    answer = poor.create(file=inline_of(encoded(scene((34, 44)), "PNG")))

    assert answer.refusal == (403, 2010)
    assert footprint(idle).files == before.files


def test_a_picture_inside_a_request_is_not_kept_above_the_limit(idle: Served) -> None:
    limited = newcomer(idle, credits=50, tasks=0)
    before = footprint(idle)
    answer = limited.create(file=inline_of(encoded(scene((35, 44)), "PNG")))

    assert answer.refusal == (429, 2000)
    assert footprint(idle) == before
