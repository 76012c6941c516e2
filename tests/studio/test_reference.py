"""The API reference: readable by everybody, complete, and with calls that can be tried out."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from contract.client import Client, client_of
from limner.studio.reference.outline import outline
from serving import Served
from studio.browser import Tab, new_tab


@pytest.fixture
def client(studio: Served) -> Client:
    return client_of(studio)


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json", auth=False).json
    return found


def test_every_call_of_the_document_is_shown_once(document: dict[str, Any]) -> None:
    calls = [(call.method, call.path) for group in outline(document) for call in group.calls]

    assert sorted(calls) == sorted((m.upper(), path) for path, methods in document["paths"].items() for m in methods)


def test_the_example_of_a_task_is_one(document: dict[str, Any], client: Client) -> None:
    calls = {(call.method, call.path): call for group in outline(document) for call in group.calls}

    for path in ("/v2/openapi/task", "/v3/images/generation"):
        if ("POST", path) in calls:
            assert client.call("POST", path, calls["POST", path].example.encode()).status == 200


def test_anybody_can_read_it_without_javascript(browser: Browser, studio: Served) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        tab = new_tab(context, studio)
        tab.page.goto(f"{studio.url}/docs")

        expect(tab.page.get_by_role("heading", name="API reference")).to_be_visible()
        tab.page.locator(".api__calls [href='/docs/post-v2-openapi-task']").click()
        expect(tab.page).to_have_url(f"{studio.url}/docs/post-v2-openapi-task")
        expect(tab.page.locator(".api__fields code", has_text="prompt").first).to_be_visible()
        expect(tab.page.locator("[data-try]")).to_have_count(0)


def test_every_call_has_a_page_of_its_own(document: dict[str, Any], client: Client) -> None:
    names = [call.id for group in outline(document) for call in group.calls]

    assert len(set(names)) == len(names)
    assert {client.get(f"/docs/{name}", auth=False).status for name in names} == {200}


def test_a_call_that_is_not_there_is_answered_with_a_page(client: Client) -> None:
    answer = client.get("/docs/post-nothing", auth=False)

    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_a_link_to_a_part_of_the_former_page_leads_to_the_call(tab: Tab) -> None:
    tab.page.goto(f"{tab.served.url}/docs#get-v2-openapi-models")

    expect(tab.page).to_have_url(f"{tab.served.url}/docs/get-v2-openapi-models")


def test_calls_are_found_by_words(tab: Tab) -> None:
    tab.page.goto(f"{tab.served.url}/docs/get-v2-openapi-models")
    tab.page.fill("#api-find", "post webhook")

    shown = tab.page.locator(".api__nav li:visible")
    expect(shown.first).to_contain_text("POST")
    assert all("webhook" in str(row.get_attribute("data-words")) for row in shown.all())


def test_a_call_is_tried_out_with_the_key_of_the_session(tab: Tab, client: Client) -> None:
    tab.sign_in()
    tab.open("/docs/post-v2-openapi-task")
    form = tab.page.locator("[data-try]")
    form.locator("textarea").fill(json.dumps({"type": "generate_image", "prompt": "tried out"}))

    form.get_by_role("button", name="Send with your key").click()

    expect(form.locator(".api__answer")).to_contain_text("200")
    made = json.loads(form.locator(".api__answer .code pre").inner_text())["data"]["task_id"]
    assert client.task(made)["input"]["prompt"] == "tried out"


def test_a_call_that_waits_for_its_picture_is_not_given_up(tab: Tab) -> None:
    """OpenAI's calls end when their client goes; a tried one has the browser for its client."""
    tab.sign_in()
    tab.open("/docs")
    token = tab.page.locator("html").get_attribute("data-csrf") or ""
    body = '{"prompt": "waited for", "model": "gpt-image-1"}'

    answer = tab.page.request.post(
        f"{tab.served.url}/studio/docs/try",
        headers={"x-csrf-token": token},
        form={"method": "POST", "target": "/v1/images/generations", "body": body},
    )

    assert answer.json()["status"] == 200


def test_a_refused_call_shows_its_envelope(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/docs/post-v2-openapi-task")
    form = tab.page.locator("[data-try]")
    form.locator("textarea").fill("{}")

    form.get_by_role("button", name="Send with your key").click()

    expect(form.locator(".api__answer")).to_contain_text("suggestion")
    expect(form.locator(".api__answer")).to_contain_text("400")


def test_a_call_beyond_the_keys_scope_is_refused(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/docs")
    tab.page.locator(".api__calls a", has_text="/admin/").first.click()
    form = tab.page.locator("[data-try]")

    form.get_by_role("button", name="Send with your key").click()

    expect(form.locator(".api__answer")).to_contain_text("403")
