"""The pages of templates: the gallery, and a template of one's own in versions."""

import json
import uuid

from playwright.sync_api import Browser, expect

from contract.client import PICTURE, client_of
from serving import Served
from studio.browser import Tab, new_tab, until_ready


def test_a_template_of_ones_own_is_made_used_edited_and_removed(tab: Tab, studio: Served) -> None:
    slug = f"t{uuid.uuid4().hex[:8]}"
    tab.sign_in()
    tab.open("/templates/new?like=print_clay")
    tab.page.fill("#tslug", slug)
    tab.page.fill("#ttitle", f"Stone {slug}")
    tab.page.get_by_role("button", name="Save").click()

    tab.page.wait_for_url(f"**/templates/{slug}")
    tab.open("/templates")
    card = tab.page.locator(".tcard", has_text=f"Stone {slug}")
    card.get_by_role("link", name="Use “").click()
    chosen = tab.page.locator(".tpl", has=tab.page.locator(":checked"))
    expect(chosen).to_contain_text(f"Stone {slug}")
    expect(chosen).to_be_in_viewport()
    tab.page.fill("#prompt", f"a bust {slug}")
    tab.page.click("#send")
    expect(tab.page.locator(".card[data-state=success]", has_text=f"a bust {slug}")).to_be_visible()
    [task] = client_of(studio).get(f"/v2/openapi/tasks?template={slug}").data["tasks"]
    assert task["input"]["template"] == slug

    tab.open(f"/templates/{slug}")
    tab.page.fill("#ttext", "Turn the subject into worn grey stone.")
    tab.page.get_by_role("button", name="Save as version 2").click()
    expect(tab.page.get_by_role("button", name="Save as version 3")).to_be_visible()
    expect(tab.page.locator("#ttext")).to_have_value("Turn the subject into worn grey stone.")
    expect(tab.page.locator("li", has=tab.page.locator("code"))).to_have_count(2)

    tab.page.get_by_role("button", name="Remove the template").click()
    expect(tab.page.locator(".tcard", has_text=f"Stone {slug}")).to_have_count(0)


def test_the_name_of_a_new_template_follows_its_title_until_another_is_written(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/templates/new")
    until_ready(tab.page)

    tab.page.fill("#ttitle", "Café poster, No. 2")
    expect(tab.page.locator("#tslug")).to_have_value("cafe_poster_no_2")
    tab.page.fill("#tslug", "poster")
    tab.page.fill("#ttitle", "Café poster")

    expect(tab.page.locator("#tslug")).to_have_value("poster")


def test_a_name_that_cannot_be_is_said_and_nothing_typed_is_lost(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/templates/new?like=figure")

    tab.page.fill("#tslug", "Ünmöglich!")
    tab.page.fill("#ttitle", "A title of mine")
    tab.page.get_by_role("button", name="Save").click()

    expect(tab.page.get_by_role("alert")).to_be_visible()
    expect(tab.page.locator("#ttitle")).to_have_value("A title of mine")


def test_a_template_is_exported_taken_in_again_and_shared(tab: Tab, studio: Served) -> None:
    slug, copy, guest = (f"t{uuid.uuid4().hex[:8]}" for _ in range(3))
    studio.cli("accounts", "create", guest)
    tab.sign_in(operator=True)
    tab.open("/templates/new?like=print_clay")
    tab.page.fill("#tslug", slug)
    tab.page.get_by_role("button", name="Save").click()
    tab.page.wait_for_url(f"**/templates/{slug}")
    digest = tab.page.locator(".versions code").inner_text()
    with tab.page.expect_download() as saving:
        tab.page.get_by_role("link", name="Export").click()

    tab.open("/templates")
    tab.page.get_by_role("button", name="Import a folder").click()
    tab.page.set_input_files("#folder", saving.value.path())
    tab.page.fill("#import-slug", copy)
    tab.page.get_by_role("button", name="Import", exact=True).click()

    tab.page.wait_for_url(f"**/templates/{copy}")
    assert tab.page.locator(".versions code").inner_text() == digest
    tab.page.fill("#share-with", guest)
    tab.page.get_by_role("button", name="Share", exact=True).click()
    expect(tab.page.get_by_role("list", name="Shared with")).to_contain_text(guest)
    tab.page.fill("#try-words", f"tried with {copy}")
    tab.page.get_by_role("button", name="Make one").click()
    expect(tab.page.locator(".card[data-state=success]", has_text=f"tried with {copy}")).to_be_visible()
    reader = client_of(studio).as_(studio.cli("keys", "create", "--account", guest)["key"])
    assert reader.get(f"/v1/templates/{copy}").status == 200

    tab.open(f"/templates/{copy}")
    tab.page.get_by_role("button", name=f"No longer share with {guest}").click()
    expect(tab.page.get_by_role("list", name="Shared with")).to_have_count(0)
    assert reader.get(f"/v1/templates/{copy}").status == 404


def test_a_version_shows_what_it_changed_and_made_and_is_brought_back(tab: Tab, studio: Served) -> None:
    slug = f"t{uuid.uuid4().hex[:8]}"
    client = client_of(studio)
    fields = {"title": "Stone", "summary": "As of stone."}
    client.call("PUT", f"/v1/templates/{slug}", _json(text="Turn the subject into grey stone.", **fields), _JSON)
    made = client.done(prompt="a bust of the first version", template=slug)["task_id"]
    client.call("PUT", f"/v1/templates/{slug}", _json(text="Turn the subject into white stone.", **fields), _JSON)
    tab.sign_in()
    tab.open(f"/templates/{slug}")
    newer, older = (tab.page.locator(".versions > li").nth(n) for n in (0, 1))

    expect(older.get_by_role("group", name="Made with version 1").get_by_role("link")).to_have_attribute(
        "href", f"/studio/pictures/{made}"
    )
    newer.get_by_text("What it changed").click()
    expect(newer.locator("del")).to_have_text("grey")
    expect(newer.locator("ins")).to_have_text("white")
    older.get_by_role("button", name="Bring back version 1").click()

    expect(tab.page.locator("#ttext")).to_have_value("Turn the subject into grey stone.")
    expect(tab.page.locator(".versions > li").first).to_contain_text("Version 3")
    expect(tab.page.locator(".versions > li").first).to_contain_text("in use")


def test_another_templates_version_is_not_brought_back(tab: Tab, studio: Served) -> None:
    slug, other = (f"t{uuid.uuid4().hex[:8]}" for _ in range(2))
    client = client_of(studio)
    for name in (slug, other):
        fields = {"title": "Stone", "summary": "As of stone.", "text": f"Turn it into {name}."}
        client.call("PUT", f"/v1/templates/{name}", _json(**fields), _JSON)
    client.call(
        "PUT", f"/v1/templates/{other}", _json(title="Stone", summary="As of stone.", text="Now another."), _JSON
    )
    tab.sign_in()
    tab.open(f"/templates/{other}")
    version = tab.page.locator("button[name=version]").get_attribute("value")
    headers = {"x-csrf-token": tab.page.locator("html").get_attribute("data-csrf") or ""}

    for named in (version, "nonsense\0"):
        answer = tab.page.request.post(
            f"{studio.url}/studio/templates/{slug}/bring-back", headers=headers, form={"version": named}
        )
        assert answer.status == 404


def test_a_template_is_tried_with_a_picture_on_its_page(tab: Tab, studio: Served) -> None:
    slug = f"t{uuid.uuid4().hex[:8]}"
    fields = {"title": "Stone", "summary": "As of stone.", "text": "Turn the subject into grey stone."}
    client = client_of(studio)
    client.call("PUT", f"/v1/templates/{slug}", _json(**fields), _JSON)
    tab.sign_in()
    tab.open(f"/templates/{slug}")

    tab.page.fill("#try-words", "as a bust")
    tab.page.set_input_files("#try-picture", {"name": "knight.png", "mimeType": "image/png", "buffer": PICTURE})
    tab.page.get_by_role("button", name="Make one").click()

    tab.page.wait_for_url(f"**/templates/{slug}?tried=*")
    expect(tab.page.locator("[data-cards] .card[data-state=success]")).to_contain_text("as a bust")
    task = tab.page.url.partition("tried=")[2]
    assert client.task(task)["input"]["template"] == slug
    assert len(client.task(task)["input"]["files"]) == 1


def test_a_template_is_tried_with_a_picture_without_scripts(browser: Browser, studio: Served) -> None:
    slug = f"t{uuid.uuid4().hex[:8]}"
    fields = {"title": "Stone", "summary": "As of stone.", "text": "Turn the subject into grey stone."}
    client = client_of(studio)
    client.call("PUT", f"/v1/templates/{slug}", _json(**fields), _JSON)
    with browser.new_context(java_script_enabled=False) as context:
        tab = new_tab(context, studio)
        tab.sign_in()
        tab.open(f"/templates/{slug}")
        page = tab.page
        page.fill("#try-words", "as a bust")
        page.set_input_files("#try-picture", {"name": "knight.png", "mimeType": "image/png", "buffer": PICTURE})
        page.get_by_role("button", name="Make one").click()
        page.wait_for_url(f"**/templates/{slug}?tried=*")
        task = page.url.partition("tried=")[2]

        assert client.wait(task)["status"] == "success"
        page.reload()
        expect(page.locator("[data-cards] .card[data-state=success]")).to_contain_text("as a bust")

    assert len(client.task(task)["input"]["files"]) == 1


_JSON = {"Content-Type": "application/json"}


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
