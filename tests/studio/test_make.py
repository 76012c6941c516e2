"""The page Make: from a prompt to a downloaded picture, the draft, and what the composer says."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from contract.client import PICTURE, Client, client_of
from serving import Served
from studio.browser import Tab, download, new_tab

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def client(studio: Served) -> Client:
    return client_of(studio)


@pytest.mark.parametrize("tab", [PHONE, {"width": 1280, "height": 800}], ids=["phone", "wide"], indirect=True)
def test_from_the_link_to_a_downloaded_picture(tab: Tab, tmp_path: Path) -> None:
    tab.sign_in()

    tab.page.fill("#prompt", "a lighthouse on a cliff at night")
    tab.page.click("#send")

    card = tab.page.locator(".card[data-state=success]").first
    expect(card).to_contain_text("a lighthouse on a cliff at night")
    assert Image.open(io.BytesIO(download(tab, tmp_path))).size == (256, 256)


def test_by_keys_alone(tab: Tab) -> None:
    tab.sign_in()

    expect(tab.page.locator("#quote")).not_to_be_empty()  # the scripts have run
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("made by keys alone")
    tab.page.keyboard.press("Control+Enter")
    expect(tab.page.locator(".card[data-state=success]", has_text="made by keys alone")).to_be_visible()
    tab.page.keyboard.press("Escape")  # to the newest card
    tab.page.keyboard.press("Enter")

    expect(tab.page.locator(".story h1")).to_have_text("made by keys alone")


def test_without_javascript(browser: Browser, studio: Served) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        tab = new_tab(context, studio)
        tab.sign_in()

        tab.page.fill("#prompt", "made without a script")
        tab.page.click("#send")

        expect(tab.page.locator(".card", has_text="made without a script")).to_be_visible()


def test_a_task_of_another_program_appears_by_itself(tab: Tab, client: Client) -> None:
    tab.sign_in()
    expect(tab.page.locator("#live")).to_contain_text("Live")

    client.submit(prompt="made by a program")

    expect(tab.page.locator(".card[data-state=success]", has_text="made by a program")).to_be_visible()


def test_the_draft_survives_a_reload_with_its_pictures(tab: Tab) -> None:
    tab.sign_in()
    tab.page.fill("#prompt", "the knight of image[1]")
    tab.page.set_input_files("#files", {"name": "knight.png", "mimeType": "image/png", "buffer": PICTURE})
    expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "false")

    tab.page.reload()

    expect(tab.page.locator("#prompt")).to_have_value("the knight of image[1]")
    expect(tab.page.locator(".ref.is-cited img")).to_be_visible()
    tab.page.click("#send")
    expect(tab.page.locator(".card[data-state=success]", has_text="the knight of image[1]")).to_be_visible()


def test_two_windows_keep_a_draft_each(tab: Tab, studio: Served) -> None:
    tab.sign_in()
    tab.page.fill("#prompt", "the draft of the first window")
    other = new_tab(tab.page.context, studio)
    other.open()
    expect(other.page.locator("#prompt")).to_have_value("the draft of the first window")

    other.page.fill("#prompt", "the draft of the second window")
    tab.page.reload()

    expect(tab.page.locator("#prompt")).to_have_value("the draft of the first window")
    other.page.reload()
    expect(other.page.locator("#prompt")).to_have_value("the draft of the second window")
    other.page.close()
    last = new_tab(tab.page.context, studio)
    last.open()
    expect(last.page.locator("#prompt")).to_have_value("the draft of the second window")


def test_numbers_in_the_prompt_move_along_with_the_pictures_and_back(tab: Tab) -> None:
    tab.sign_in()
    tab.page.set_input_files(
        "#files", [{"name": f"{n}.png", "mimeType": "image/png", "buffer": PICTURE} for n in (1, 2)]
    )
    tab.page.fill("#prompt", "image[1] beside image[2]")
    expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "false")

    tab.page.locator(".num-badge").first.focus()
    tab.page.keyboard.press("Alt+ArrowRight")

    expect(tab.page.locator("#prompt")).to_have_value("image[2] beside image[1]")
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.locator("#prompt")).to_have_value("image[1] beside image[2]")


@pytest.mark.parametrize(
    ("prompt", "problem", "fix", "mended"),
    [
        ("a fox 🦊", "🦊 cannot be sent", "Take it out", "a fox "),
        ("like image[3]", "image[3] names a picture you have not added. You have none.", None, None),
        ("a" * 1025, "1 characters too many", None, None),
    ],
    ids=["emoji", "no such picture", "too long"],
)
def test_a_problem_is_said_before_anything_is_sent(
    tab: Tab, prompt: str, problem: str, fix: str | None, mended: str | None
) -> None:
    tab.sign_in()

    tab.page.fill("#prompt", prompt)

    expect(tab.page.locator("#problems")).to_contain_text(problem)
    expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "true")
    if fix and mended is not None:
        tab.page.get_by_role("button", name=fix).click()
        expect(tab.page.locator("#prompt")).to_have_value(mended)


def test_the_counter_counts_code_points(tab: Tab) -> None:
    tab.sign_in()

    tab.page.fill("#prompt", "漢字 und é")

    expect(tab.page.locator("[data-count]")).to_have_text("8 / 1,024")


def test_four_pictures_are_one_task_and_a_double_click_makes_no_more(tab: Tab, client: Client) -> None:
    """One task with four pictures, each at the model's price; all of them are on its card and in its download."""
    tab.sign_in()
    before = sum(client.balance())
    for _ in range(3):
        tab.page.get_by_role("button", name="One more").click()
    tab.page.fill("#prompt", "four of these")

    tab.page.dblclick("#send")

    card = tab.page.locator(".card[data-state=success]", has_text="four of these")
    expect(card.locator("figcaption")).to_have_text(["1", "2", "3", "4"])
    with tab.page.expect_download() as saving:
        card.get_by_role("button", name="Download all 4").click()
    assert len(zipfile.ZipFile(saving.value.path()).namelist()) == 4
    assert before - sum(client.balance()) == 4 * 5


def test_the_third_of_four_pictures_becomes_a_reference(tab: Tab, client: Client) -> None:
    """The task's id with the name of the picture."""
    made = client.done(prompt="four to choose from", n=4)
    tab.sign_in()
    tab.open(f"/pictures/{made['task_id']}")
    tab.page.get_by_role("navigation", name="Its views").get_by_role("link", name="3").click()

    tab.page.get_by_role("link", name="Use as reference").click()
    tab.page.fill("#prompt", "made from the third")
    expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "false")
    tab.page.click("#send")

    card = tab.page.locator(".card[data-state=success]", has_text="made from the third")
    expect(card).to_be_visible()
    lineage = client.get(f"/v2/openapi/task/{made['task_id']}/lineage").data
    assert card.get_attribute("data-id") in str(lineage)


def test_hostile_words_stay_words(tab: Tab, client: Client) -> None:
    client.submit(prompt="<script>document.title='x'</script><b>bold</b>")
    tab.sign_in()

    expect(tab.page.locator(".card__prompt").first).to_have_text("<script>document.title='x'</script><b>bold</b>")
    expect(tab.page).to_have_title("Make · Limner")


def test_a_refused_task_keeps_the_draft_and_says_why(tab: Tab) -> None:
    tab.sign_in()
    tab.page.fill("#prompt", "half a draft")
    tab.page.route("**/studio/tasks", lambda route: route.abort())

    tab.page.click("#send")

    expect(tab.page.locator(".toast")).to_contain_text("Your draft is kept")
    expect(tab.page.locator("#prompt")).to_have_value("half a draft")


def test_the_server_quotes_while_typing(tab: Tab) -> None:
    tab.sign_in()

    tab.page.fill("#prompt", "a knight at rest")

    expect(tab.page.locator("#quote")).to_contain_text("5 credits.")
    expect(tab.page.locator("#quote")).to_contain_text("You have")
    tab.page.get_by_role("button", name="One more").click()
    expect(tab.page.locator("#quote")).to_contain_text("10 credits.")
    tab.page.locator("#sent summary").click()
    expect(tab.page.locator(".sent__in .part--mine")).to_contain_text("a knight at rest")


def test_what_the_page_cannot_know_is_told_by_the_server(tab: Tab) -> None:
    tab.sign_in()
    tab.page.fill("#prompt", "a\u0007bell")  # a control character: the page's own check knows emoji alone

    expect(tab.page.locator("#problems .problem")).to_be_visible()
    expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "true")
    tab.page.fill("#prompt", "a bell")
    expect(tab.page.locator("#problems .problem")).to_have_count(0)
    expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "false")


def test_only_the_answer_to_the_last_words_is_shown(tab: Tab) -> None:
    """A quote that comes late, of words that were changed meanwhile, is dropped."""
    tab.sign_in()
    held = []
    tab.page.route("**/studio/quote", lambda route: held.append(route) if not held else route.continue_())
    with tab.page.expect_request("**/studio/quote"):
        tab.page.fill("#prompt", "the first words")

    tab.page.fill("#prompt", "the last words")

    expect(tab.page.locator("[data-sentcount]")).to_have_text("14 characters")


def test_one_prompt_on_several_models_has_a_quote_and_a_task_for_each(tab: Tab, client: Client) -> None:
    tab.sign_in()
    tab.page.fill("#prompt", "one prompt for three models")
    tab.page.click("#also summary")
    for model, quote in (("gpt_image_2", "GPT Image 2, at the sandbox"), ("midjourney", "Midjourney, at the sandbox")):
        tab.page.locator(f"[data-also={model}]").check()
        expect(tab.page.locator("#also li", has=tab.page.locator(f"[data-also={model}]"))).to_contain_text(quote)
    before = sum(client.balance())
    told = tab.page.locator("[data-send]")
    expect(told).to_contain_text("Make 3")

    tab.page.dblclick("#send")

    cards = tab.page.locator(".card[data-state=success]", has_text="one prompt for three models")
    expect(cards).to_have_count(3)
    spent = before - sum(client.balance())
    expect(told).to_contain_text(f"{spent} credits")
    made = client.get("/v2/openapi/tasks?q=one+prompt+for+three+models").data["tasks"]
    models = {each["input"]["model_version"] for each in made}
    assert (len(made), {"gpt_image_2", "midjourney"} < models) == (3, True)
    tab.page.reload()
    expect(tab.page.locator("[data-also]:checked")).to_have_count(2)


def test_another_model_that_cannot_do_it_says_why_and_stops_the_sending(tab: Tab) -> None:
    tab.sign_in()
    tab.page.fill("#prompt", "words for a model")
    tab.page.click("#also summary")
    tab.page.locator("[data-also=midjourney]").check()
    tab.page.set_input_files("#files", {"name": "one.png", "mimeType": "image/png", "buffer": PICTURE})

    expect(tab.page.locator("[data-also=midjourney]")).to_be_disabled()
    expect(tab.page.locator("#also li", has_text="Midjourney")).to_contain_text("takes no pictures")
    expect(tab.page.locator("[data-alsonow]")).to_have_text("none")


def test_a_model_that_does_not_take_the_pictures_cannot_be_chosen_and_says_why(tab: Tab) -> None:
    tab.sign_in()
    midjourney = tab.page.locator(".model[data-id=midjourney]")
    expect(midjourney).to_have_attribute("aria-disabled", "false")

    tab.page.set_input_files("#files", {"name": "one.png", "mimeType": "image/png", "buffer": PICTURE})

    expect(midjourney).to_have_attribute("aria-disabled", "true")
    expect(midjourney).to_contain_text("Midjourney takes no pictures")
    expect(tab.page.locator(".model[data-id='flux.1_dev']")).to_contain_text("FLUX.1 Kontext Pro runs instead")
    tab.page.get_by_role("button", name="Remove picture 1").click()
    expect(midjourney).to_have_attribute("aria-disabled", "false")


def test_a_shape_is_offered_only_where_the_model_obeys_it(tab: Tab) -> None:
    """The sandbox obeys none."""
    tab.sign_in()
    tab.page.fill("#prompt", "a wide river")

    expect(tab.page.locator("#quote")).to_contain_text("5 credits.")
    expect(tab.page.locator("#shape")).to_be_hidden()


def test_the_balance_in_the_bar_follows_what_others_spend(tab: Tab, client: Client) -> None:
    tab.sign_in()
    expect(tab.page.locator("#live")).to_contain_text("Live")

    client.done(prompt="paid by a program")

    expect(tab.page.locator("[data-balance]")).to_have_text(f"{client.balance()[0]:,}")


def test_two_hundred_cards_come_in_live_and_focus_stays(tab: Tab, client: Client) -> None:
    """Every task of a program gets its card and its end without a reload, while one card's button keeps the focus."""
    kept = client.done(prompt="the one that has the focus")["task_id"]
    tab.sign_in()
    expect(tab.page.locator("#live")).to_contain_text("Live")
    tab.page.locator(f"#task-{kept} [data-act=keep]").focus()

    made = [client.submit(prompt=f"one of two hundred, {number}") for number in range(200)]

    expect(tab.page.locator(".card[data-state=success]", has_text="one of two hundred")).to_have_count(
        len(made), timeout=120_000
    )
    expect(tab.page.locator(f"#task-{kept} [data-act=keep]")).to_be_focused()
