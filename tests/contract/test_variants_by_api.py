"""What clients send in other forms than most, at every API: media types, charsets, compression, base64, prompts."""

import base64
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pytest

from contract.client import BASE, PICTURE, Answer, Client, multipart, newcomer
from contract.wire import Wire, content_of, status, wire
from serving import Served, serving

PROMPT = "ein Bär, 一只猫"
NOBODY = "00000000-0000-4000-8000-000000000000"
BASE64 = base64.b64encode(PICTURE + b"x").decode()
DATA_URL = f"data:image/png;base64,{BASE64}"
TEMPLATE = {"title": "Woodcut", "summary": "Cuts it in wood.", "text": PROMPT}
SCOPES = ("generate", "read", "webhooks", "admin")


@pytest.fixture(scope="module")
def every_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the APIs that are off unless they are asked for."""
    with serving(tmp_path_factory.mktemp("every_api"), a1111="true", mcp="true", uploads_per_second="1000") as server:
        newcomer(server, name="granted")
        yield server


@pytest.fixture
def caller(every_api: Served) -> Client:
    return newcomer(every_api, tasks=1000, scopes=SCOPES)


@dataclass(frozen=True)
class Browser:
    """The forms of the Studio's pages, sent with the session of a key."""

    client: Client
    cookie: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "X-CSRF-Token": self.token, "HX-Request": "true"}

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self.client.call("POST", f"/studio{path}", body, self.headers | dict(headers), auth=False)

    def form(self, path: str, **fields: str) -> Answer:
        return self.send(path, *multipart([(name, None, text.encode()) for name, text in fields.items()]))


@pytest.fixture
def browser(caller: Client) -> Browser:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": caller.url}
    signed = caller.call("POST", "/studio/sign-in", f"key={caller.key}".encode(), form, auth=False)
    cookie = str(signed.headers["Set-Cookie"]).partition(";")[0]
    page = caller.call("GET", "/studio", None, {"Cookie": cookie}, auth=False).body.decode()
    return Browser(caller, cookie, re.findall(r'data-csrf="(\w+)"', page)[0])


# --- JSON ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class JsonCall:
    """A call with a JSON body, and the status of its success. `headers` are those that it needs."""

    method: str
    path: str
    body: dict[str, Any]
    success: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, caller: Client, body: bytes, path: str = "", **more: str) -> Answer:
        given = {"Content-Type": "application/json"} | {name.replace("_", "-"): each for name, each in more.items()}
        return caller.call(self.method, path or self.path, body, dict(self.headers) | given)


def of_agents(prompt: str, *references: str, wait_s: int = 0) -> JsonCall:
    arguments = {"prompt": prompt, "references": list(references), "preview": False, "wait_s": wait_s}
    tool = {"name": "generate_image", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool}
    return JsonCall("POST", "/mcp", message, headers={"Accept": "application/json, text/event-stream"})


JSON_CALLS = {
    "v2": JsonCall("POST", f"{BASE}/task", {"type": "generate_image", "prompt": PROMPT}),
    "v2 quote": JsonCall("POST", f"{BASE}/task/quote", {"type": "generate_image", "prompt": PROMPT}),
    "v3": JsonCall("POST", "/v3/generation/text-to-image", {"prompt": PROMPT}),
    "openai": JsonCall("POST", "/v1/images/generations", {"prompt": PROMPT, "async": True}, 202),
    "openai edits": JsonCall("POST", "/v1/images/edits", {"prompt": PROMPT, "image": DATA_URL, "async": True}, 202),
    "a1111": JsonCall("POST", "/sdapi/v1/txt2img", {"prompt": PROMPT}),
    "a1111 img2img": JsonCall("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": [BASE64]}),
    "a1111 options": JsonCall("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "gpt_image_2"}),
    "agents": of_agents(PROMPT),
    "templates": JsonCall("PUT", "/v1/templates/woodcut", TEMPLATE),
    "webhooks": JsonCall("POST", "/v1/webhooks", {"url": "https://example.org/hook", "note": PROMPT}),
    "zip": JsonCall("POST", f"{BASE}/tasks/zip", {"task_ids": [NOBODY], "note": PROMPT}, 404),
    "erase": JsonCall("POST", "/v3/tasks/erase", {"task_ids": [NOBODY], "note": PROMPT}),
    "admin": JsonCall("POST", "/admin/accounts/granted/grants", {"credits": 1, "note": PROMPT}),
}


@pytest.mark.parametrize("name", JSON_CALLS)
def test_json_is_read_in_every_form_that_it_declares(caller: Client, name: str) -> None:
    call = JSON_CALLS[name]
    text = json.dumps(call.body, ensure_ascii=False)
    plain = text.encode()
    answers = {
        "plain": call.send(caller, plain),
        "another case": call.send(caller, plain, Content_Type="Application/JSON; Charset=UTF-8"),
        "UTF-16": call.send(caller, text.encode("utf-16"), Content_Type="application/json; charset=utf-16"),
        "gzip": call.send(caller, gzip.compress(plain), Content_Encoding="gzip"),
        "gzip in two members": call.send(caller, in_members(plain), Content_Encoding="gzip"),
        "gzip twice": call.send(caller, gzip.compress(gzip.compress(plain)), Content_Encoding="gzip, X-GZIP"),
        "gzip and nothing": call.send(caller, gzip.compress(plain), Content_Encoding="identity, gzip"),
        "deflate": call.send(caller, zlib.compress(plain), Content_Encoding="deflate"),
        "deflate without a header": call.send(caller, zlib.compress(plain)[2:-4], Content_Encoding="deflate"),
        "trailing slash": call.send(caller, plain, f"{call.path}/", Host="evil.example"),
        "lower case scheme": call.send(caller, plain, Authorization=f"bearer {caller.key}"),
    }

    assert {name: each.status for name, each in answers.items()} == dict.fromkeys(answers, call.success)
    assert [name for name, each in answers.items() if b'"isError":true' in each.body] == []


def in_members(body: bytes) -> bytes:
    """As programs write it that compress a file in blocks, or append to one."""
    return gzip.compress(body[:9]) + gzip.compress(b"") + gzip.compress(body[9:]) + bytes(512)


@pytest.mark.parametrize("name", JSON_CALLS)
def test_json_that_cannot_be_decoded_is_415_and_says_why(caller: Client, name: str) -> None:
    call = JSON_CALLS[name]
    body = json.dumps(call.body).encode()
    charset = call.send(caller, body, Content_Type="application/json; charset=klingon")
    coding = call.send(caller, body, Content_Encoding="br")

    assert (charset.status, coding.status) == (415, 415)
    assert "charset 'klingon'" in charset.body.decode()
    assert "Content-Encoding 'br'" in coding.body.decode()


@pytest.mark.parametrize("name", ["v3", "openai", "a1111", "agents"])
def test_a_charset_brings_the_words_that_were_meant(caller: Client, name: str) -> None:
    call = JSON_CALLS[name]
    body = json.dumps(call.body, ensure_ascii=False).encode("gb18030")

    call.send(caller, body.replace("ä".encode("gb18030"), b"ae"), Content_Type="application/json; charset=GB18030")

    [task] = caller.get(f"{BASE}/tasks").data["tasks"]
    assert "一只猫" in task["prompt"]


@pytest.mark.parametrize("name", ["v2", "v3", "openai", "a1111", "agents", "templates"])
def test_a_compressed_body_that_expands_without_end_or_is_cut_is_refused(caller: Client, name: str) -> None:
    call = JSON_CALLS[name]
    bomb = call.send(caller, gzip.compress(bytes(29 * 1024 * 1024)), Content_Encoding="gzip")
    cut = call.send(caller, gzip.compress(json.dumps(call.body).encode())[:-4], Content_Encoding="gzip")

    assert (bomb.status, cut.status) == (400, 400)
    assert "when decompressed" in bomb.body.decode()
    assert "not valid gzip" in cut.body.decode()


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")


def sent_on(line: Wire, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The answer to a request that offers to go on in HTTP/2, on a connection that stays open."""
    fields = [f"{name}: {text}" for name, text in headers.items()]
    line.send(line.head(method, path, *OFFER, *fields, f"Content-Length: {len(body)}") + body)
    return line.answer()


def test_a_body_behind_an_offer_of_http_2_is_read_at_every_api(every_api: Served, caller: Client) -> None:
    answers = {}
    with wire(every_api) as line:
        line.key = caller.key
        for name, call in JSON_CALLS.items():
            headers = {"Content-Type": "application/json"} | dict(call.headers)
            answers[name] = sent_on(line, call.method, call.path, json.dumps(call.body).encode(), headers)

    assert {name: status(each) for name, each in answers.items()} == {
        name: call.success for name, call in JSON_CALLS.items()
    }
    assert b'"isError":false' in answers["agents"]


def test_a_zip_behind_an_offer_of_http_2_is_whole_and_the_connection_goes_on(every_api: Served, caller: Client) -> None:
    task = caller.done()["task_id"]
    body, headers = json_of({"task_ids": [task]})
    with wire(every_api) as line:
        line.key = caller.key
        zips = [sent_on(line, "POST", f"{BASE}/tasks/zip", body, headers) for _ in range(2)]
        line.send(line.head("GET", f"{BASE}/task/{task}", *OFFER))
        after = line.answer()

    assert [status(each) for each in [*zips, after]] == [200] * 3
    for each in zips:
        with zipfile.ZipFile(io.BytesIO(content_of(each))) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) >= 1


def test_a_form_behind_an_offer_of_http_2_is_read_at_every_api(
    every_api: Served, caller: Client, browser: Browser
) -> None:
    answers = {}
    with wire(every_api) as line:
        line.key = caller.key
        for name, call in FORM_CALLS.items():
            session = browser.headers if call.path.startswith("/studio") else {}
            answers[name] = status(sent_on(line, "POST", call.path, call.body(), FORM | session))
        body, form = multipart([("prompt", None, PROMPT.encode())])
        answers["studio make"] = status(sent_on(line, "POST", "/studio/tasks", body, form | browser.headers))

    assert answers == {name: call.success for name, call in FORM_CALLS.items()} | {"studio make": 200}


# --- forms --------------------------------------------------------------------------------------------------------


def folder() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("template.toml", "".join(f"{name} = {json.dumps(text)}\n" for name, text in TEMPLATE.items()))
    return out.getvalue()


@dataclass(frozen=True)
class FormCall:
    """A form with one file, in the part that is named `part`, and the status of its success."""

    path: str
    part: str = "file"
    fields: Mapping[str, str] = field(default_factory=dict)
    success: int = 200
    content: bytes = PICTURE

    def body(self, name: str = 'filename="woodcut-1.zip"') -> bytes:
        fields, _ = multipart([(part, None, text.encode()) for part, text in self.fields.items()])
        head = f'--limner-boundary\r\nContent-Disposition: form-data; name="{self.part}"; {name}\r\n\r\n'
        return fields.replace(END, b"") + head.encode() + self.content + b"\r\n" + END


END = b"--limner-boundary--\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=limner-boundary"}
FORM_CALLS = {
    "v2 upload": FormCall(f"{BASE}/upload"),
    "v2 upload for clients of STS": FormCall(f"{BASE}/upload/sts"),
    "v3 files": FormCall("/v3/files"),
    "detect": FormCall("/v1/detect"),
    "openai edits": FormCall("/v1/images/edits", "image", {"prompt": PROMPT, "async": "true"}, 202),
    "studio upload": FormCall("/studio/uploads"),
    "studio import": FormCall("/studio/templates/import", "folder", {"slug": "woodcut"}, 303, folder()),
}


@pytest.mark.parametrize("name", FORM_CALLS)
def test_a_form_is_read_in_every_form_that_it_declares(caller: Client, browser: Browser, name: str) -> None:
    call = FORM_CALLS[name]

    def sent(body: bytes, path: str = "", **headers: str) -> Answer:
        given = FORM | {name.replace("_", "-"): text for name, text in headers.items()}
        if call.path.startswith("/studio"):
            return browser.send((path or call.path).removeprefix("/studio"), body, given)
        return caller.call("POST", path or call.path, body, given)

    answers = {
        "plain": sent(call.body()),
        "another case": sent(call.body(), Content_Type="Multipart/Form-Data; Boundary=limner-boundary"),
        "extended name alone": sent(call.body("filename*=UTF-8''b%C3%A4r-1.zip")),
        "gzip": sent(gzip.compress(call.body()), Content_Encoding="gzip"),
        "trailing slash": sent(call.body(), f"{call.path}/", Host="evil.example", Origin="http://evil.example"),
    }

    assert {name: each.status for name, each in answers.items()} == dict.fromkeys(answers, call.success)
    assert [each.headers["Location"] for each in answers.values() if "evil" in each.headers.get("Location", "")] == []


@pytest.mark.parametrize("kind", ["Image/PNG", "application/octet-stream"])
def test_a_part_without_a_file_name_is_a_file_by_its_type(caller: Client, browser: Browser, kind: str) -> None:
    answers = {}
    for name, call in FORM_CALLS.items():
        body = call.body(f"x=y\r\nContent-Type: {kind}")
        if call.path.startswith("/studio"):
            answers[name] = browser.send(call.path.removeprefix("/studio"), body, FORM).status
        else:
            answers[name] = caller.call("POST", call.path, body, FORM).status

    assert answers == {name: call.success for name, call in FORM_CALLS.items()}


@pytest.mark.parametrize("name", ["v2 upload", "v3 files", "detect", "openai edits"])
def test_a_compressed_form_is_refused_where_it_cannot_be_read(caller: Client, name: str) -> None:
    call = FORM_CALLS[name]
    bomb = gzip.compress(replace(call, content=bytes(51 * 1024 * 1024)).body())
    large = caller.call("POST", call.path, bomb, FORM | {"Content-Encoding": "gzip"})
    unknown = caller.call("POST", call.path, call.body(), FORM | {"Content-Encoding": "br"})

    assert (large.status, unknown.status) == (400, 415)
    assert "when decompressed" in large.body.decode()
    assert "Content-Encoding 'br'" in unknown.body.decode()


def part(name: str, content: bytes, kind: str = "") -> bytes:
    head = f'--limner-boundary\r\nContent-Disposition: form-data; name="{name}"{kind}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def test_a_field_of_a_form_is_read_in_the_charset_that_it_declares(caller: Client, browser: Browser) -> None:
    prompt = part("prompt", "一只猫".encode("gb18030"), '\r\nContent-Type: text/plain; Charset="GB18030"')
    edit = FORM_CALLS["openai edits"]
    body = replace(edit, fields={"async": "true"}).body()

    answers = [caller.call("POST", edit.path, prompt + body, FORM), browser.send("/tasks", prompt + END, FORM)]

    assert [each.status for each in answers] == [202, 200]
    assert [task["prompt"] for task in caller.get(f"{BASE}/tasks").data["tasks"]] == ["一只猫", "一只猫"]


def test_a_field_of_a_form_in_an_unknown_charset_is_415(caller: Client) -> None:
    edit = FORM_CALLS["openai edits"]
    fields = [
        part("prompt", b"a cat", f"\r\nContent-Type: text/plain; charset={name}") for name in ("klingon", "ascii")
    ]
    wrong = part("prompt", b"b\xe4r", "\r\nContent-Type: text/plain; charset=utf-8")
    [unknown, known, broken] = [caller.call("POST", edit.path, each + edit.body(), FORM) for each in [*fields, wrong]]

    assert (unknown.status, known.status, broken.status) == (415, 202, 400)
    assert "charset 'klingon'" in unknown.body.decode()
    assert "not in the charset" in broken.body.decode()


def test_a_zip_of_a_template_is_taken_under_every_name_of_its_type(caller: Client) -> None:
    types = ["application/zip", "Application/ZIP", "application/x-zip-compressed", "application/octet-stream"]

    answers = [caller.call("PUT", "/v1/templates/woodcut", folder(), {"Content-Type": each}) for each in types]

    assert [each.data["text"] for each in answers] == [PROMPT] * len(types)


# --- pictures -----------------------------------------------------------------------------------------------------


def _wrapped(text: str) -> str:
    return "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "wrapped": _wrapped,
    "unpadded": lambda text: text.rstrip("="),
    "URL-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "data URL": lambda text: f"data:image/png;base64,{text}",
    "data URL in percents": lambda text: f"data:image/png;base64,{quote(text, safe='')}",
    "data URL in capitals": lambda text: f"DATA:image/png;BASE64,{_wrapped(text)}",
}
WITH_PICTURE: dict[str, Callable[[str], JsonCall]] = {
    "v2": lambda text: JsonCall(
        "POST", f"{BASE}/task", {"type": "generate_image", "prompt": PROMPT, "file": {"data": text}}
    ),
    "v3": lambda text: JsonCall("POST", "/v3/generation/image-to-image", {"prompt": PROMPT, "input": {"data": text}}),
    "openai": lambda text: JsonCall("POST", "/v1/images/edits", {"prompt": PROMPT, "image": text, "async": True}, 202),
    "openai b64_json": lambda text: JsonCall(
        "POST", "/v1/images/edits", {"prompt": PROMPT, "images": [{"b64_json": text}], "async": True}, 202
    ),
    "a1111": lambda text: JsonCall("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": [text]}),
    "templates": lambda text: JsonCall(
        "PUT", "/v1/templates/woodcut", TEMPLATE | {"pictures": [{"role": "lines", "data": text}]}
    ),
}


@pytest.mark.parametrize("name", WITH_PICTURE)
def test_base64_is_taken_in_every_spelling_at_every_api(caller: Client, name: str) -> None:
    answers = {}
    for spelling, spelled in SPELLINGS.items():
        call = WITH_PICTURE[name](spelled(BASE64))
        answers[spelling] = call.send(caller, json.dumps(call.body).encode()).status == call.success

    assert answers == dict.fromkeys(SPELLINGS, True)


@pytest.mark.parametrize("spelling", ["data URL", "data URL in capitals"])
def test_a_data_url_is_a_picture_where_texts_name_pictures(caller: Client, spelling: str) -> None:
    text = SPELLINGS[spelling](BASE64)
    v3 = caller.call("POST", "/v3/generation/image-to-image", *json_of({"prompt": PROMPT, "input": text}))
    call = of_agents(PROMPT, text)
    agents = call.send(caller, json.dumps(call.body).encode())
    form = caller.call(
        "POST",
        "/v1/images/edits",
        *multipart([(name, None, each.encode()) for name, each in {"prompt": PROMPT, "image": text}.items()]),
    )

    assert (v3.status, agents.status, form.status) == (200, 200, 200)
    assert b'"isError":true' not in agents.body


def json_of(body: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


NO_PICTURES: dict[str, tuple[JsonCall, str]] = {
    "v3": (
        JsonCall("POST", "/v3/generation/image-to-image", {"prompt": PROMPT, "input": "cat.png"}),
        "a URL, a data: URL",
    ),
    "v3 number": (
        JsonCall("POST", "/v3/generation/image-to-image", {"prompt": PROMPT, "input": 7}),
        "A URL, a data: URL",
    ),
    "openai": (JsonCall("POST", "/v1/images/edits", {"prompt": PROMPT, "image": 7}), "Send an address, a data URL"),
    "openai text": (JsonCall("POST", "/v1/images/edits", {"prompt": PROMPT, "image": "cat.png"}), "in base64"),
    "a1111": (
        JsonCall("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": [7]}),
        "in base64 or as data URLs",
    ),
    "a1111 text": (JsonCall("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": "cat.png"}), "in base64"),
    "agents": (of_agents(PROMPT, "cat.png"), "https://…"),
    "templates": (
        JsonCall("PUT", "/v1/templates/woodcut", TEMPLATE | {"pictures": ["https://example.org/a.png"]}),
        '{\\"data\\": \\"…\\"}',
    ),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_refused_with_what_one_looks_like(caller: Client, name: str) -> None:
    call, said = NO_PICTURES[name]

    answer = call.send(caller, json.dumps(call.body).encode())

    text = answer.body.decode()
    assert answer.status in {400, 422} or '"isError":true' in text, text
    assert said in text
    assert not re.search(r"FileRef|AnyInput|TemplateFile|TemplateReference|InlineSource|StrictStr", text)
    assert caller.balance() == (1000, 0)


def test_a_refused_file_is_told_in_sentences(caller: Client) -> None:
    call = replace(FORM_CALLS["openai edits"], content=BASE64.encode())

    said = caller.call("POST", call.path, call.body(), FORM).body.decode()

    assert "base64 text rather than the bytes it stands for" in said
    assert ".. " not in said


def test_the_studio_says_what_to_do_with_a_reference_that_is_none(browser: Browser) -> None:
    answer = browser.form("/tasks", prompt=PROMPT, reference="https://example.org/a.png")

    assert answer.status == 400
    assert "Add the picture again." in answer.body.decode()


@pytest.mark.parametrize(("length", "taken"), [(2049, True), (8192, True), (8193, False)])
def test_a_url_may_have_8_kib_at_every_api(caller: Client, length: int, taken: bool) -> None:  # noqa: FBT001 - a parameter
    url = "https://10.0.0.1/".ljust(length, "a")
    calls = [WITH_URL[name](url) for name in WITH_URL]

    answers = [call.send(caller, json.dumps(call.body).encode()) for call in calls]

    assert ["8192" not in each.body.decode() for each in answers] == [taken] * len(calls)


WITH_URL: dict[str, Callable[[str], JsonCall]] = {
    "v3": lambda url: JsonCall("POST", "/v3/generation/image-to-image", {"prompt": PROMPT, "input": url}),
    "v3 object": lambda url: JsonCall(
        "POST", "/v3/generation/image-to-image", {"prompt": PROMPT, "input": {"url": url}}
    ),
    "openai": lambda url: JsonCall("POST", "/v1/images/edits", {"prompt": PROMPT, "image": url, "async": True}),
    "a1111": lambda url: JsonCall("POST", "/sdapi/v1/img2img", {"prompt": PROMPT, "init_images": [url]}),
    "agents": lambda url: of_agents(PROMPT, url),
}


# --- prompts ------------------------------------------------------------------------------------------------------

MADE_OF: dict[str, Callable[[str], JsonCall]] = {
    "v2": lambda prompt: JsonCall("POST", f"{BASE}/task", {"type": "text_to_image", "prompt": prompt}),
    "v3": lambda prompt: JsonCall("POST", "/v3/generation/text-to-image", {"prompt": prompt}),
    "openai": lambda prompt: JsonCall("POST", "/v1/images/generations", {"prompt": prompt}),
    "openai edits": lambda prompt: JsonCall("POST", "/v1/images/edits", {"prompt": prompt, "image": BASE64}),
    "a1111": lambda prompt: JsonCall("POST", "/sdapi/v1/txt2img", {"prompt": prompt}),
    "a1111 negative": lambda prompt: JsonCall(
        "POST", "/sdapi/v1/txt2img", {"prompt": prompt, "negative_prompt": "fog"}
    ),
    "agents": lambda prompt: of_agents(prompt, wait_s=20),
}


@pytest.mark.parametrize("name", MADE_OF)
def test_a_prompt_of_nothing_visible_is_empty_at_every_api(caller: Client, name: str) -> None:
    for prompt in ("\u200b", "\u3164\u3164", "\ufeff", "\u00ad", " \u200b\n", "\u2800"):
        call = MADE_OF[name](prompt)
        answer = call.send(caller, json.dumps(call.body).encode())
        text = answer.body.decode()

        assert "rompt is empty" in text or "prompt: it is empty" in text, text
        assert answer.status in {400, 422} or '"isError":true' in text
    assert caller.balance() == (1000, 0)


def test_a_prompt_of_nothing_visible_is_empty_in_the_studio(browser: Browser) -> None:
    assert browser.form("/tasks", prompt="\u200b\u3164").status == 400
    assert browser.client.balance() == (1000, 0)


def test_nothing_visible_to_avoid_leaves_the_prompt_as_it_is(caller: Client) -> None:
    body, headers = json_of({"prompt": "a fox", "negative_prompt": "\u200b"})

    task = caller.call("POST", "/sdapi/v1/txt2img", body, headers).headers["x-limner-task-id"]

    assert caller.task(task)["input"]["prompt"] == "a fox"


WITH_NUMBER: dict[str, Callable[[str], JsonCall]] = {
    "v3": lambda prompt: JsonCall("POST", "/v3/generation/image-to-image", {"prompt": prompt, "input": DATA_URL}),
    "openai": lambda prompt: JsonCall("POST", "/v1/images/edits", {"prompt": prompt, "image": BASE64}),
    "a1111": lambda prompt: JsonCall("POST", "/sdapi/v1/img2img", {"prompt": prompt, "init_images": [BASE64]}),
    "agents": lambda prompt: of_agents(prompt, DATA_URL),
}


@pytest.mark.parametrize("name", WITH_NUMBER)
@pytest.mark.parametrize("prompt", ["像image［2］一样", "像image【２】一样"])
def test_a_full_width_picture_number_is_checked_at_every_api(caller: Client, name: str, prompt: str) -> None:
    call = WITH_NUMBER[name](prompt)

    answer = call.send(caller, json.dumps(call.body).encode())

    assert "Write image[1] for the picture you sent." in answer.body.decode()
    assert caller.balance() == (1000, 0)


@pytest.mark.parametrize("name", ["v3", "openai"])
def test_a_full_width_flag_is_understood_at_every_api(caller: Client, name: str) -> None:
    call = MADE_OF[name]("一只猫 －－ａｒ 16：9")

    call.send(caller, json.dumps(call.body | {"model": "midjourney"}).encode())

    [task] = caller.get(f"{BASE}/tasks").data["tasks"]
    told = caller.get(f"{BASE}/task/{task['task_id']}/explain").data["prompts"][0]
    assert (told["text"], told["aspect_ratio"]) == ("一只猫", "16:9")
