"""The Studio's sentences: every one has its translation, and a translation changes no value."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import limner.studio
from limner.studio.composer.first_run import IDEAS
from limner.studio.shortcuts import SHORTCUTS
from limner.studio.texts import Texts, languages
from serving import Served
from studio.browser import link

STUDIO = Path(limner.studio.__file__).parent
TRANSLATED = [texts for tag, texts in languages().items() if tag != "en"]

_IN_PAGES = (re.compile(r"\bt\('((?:[^'\\]|\\.)+)'"), re.compile(r"t\.plural\('([^']+)', '([^']+)'"))
_IN_PYTHON = (re.compile(r'\bt\(\s*"([^"]+)"'), re.compile(r't\.plural\(\s*"([^"]+)",\s*"([^"]+)"'))
_IN_SCRIPTS = (re.compile(r'\bt\("([^"]+)"'),)
_VALUE = re.compile(r"{\w+}")


def sentences() -> Iterator[str]:
    for pattern, sources in (("templates/**/*.html", _IN_PAGES), ("**/*.py", _IN_PYTHON), ("assets/*.js", _IN_SCRIPTS)):
        for path in STUDIO.glob(pattern):
            text = path.read_text(encoding="utf-8")
            for source in sources:
                for match in source.finditer(text):
                    yield from match.groups()
    for group, keys in SHORTCUTS:
        yield group
        yield from (what for what, _ in keys)
    for idea in IDEAS:
        yield from (idea.title, idea.say, idea.prompt)


@pytest.mark.parametrize("texts", TRANSLATED, ids=lambda each: each.language)
def test_every_sentence_is_translated(texts: Texts) -> None:
    known = texts.known

    assert sorted({each for each in sentences() if each not in known}) == []


@pytest.mark.parametrize("texts", TRANSLATED, ids=lambda each: each.language)
def test_a_translation_keeps_the_values(texts: Texts) -> None:
    known = texts.known.items()

    differing = {said: meant for said, meant in known if set(_VALUE.findall(said)) != set(_VALUE.findall(meant))}
    assert differing == {}


def test_a_browser_that_asks_for_chinese_gets_chinese(browser: Browser, studio: Served) -> None:
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        page.goto(link(studio))

        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        expect(page.get_by_role("link", name="创作", exact=True)).to_be_visible()
        expect(page.locator("#quote")).to_contain_text("写下要画的内容")


def test_a_page_for_operators_refuses_in_the_readers_language(browser: Browser, studio: Served) -> None:
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        page.goto(link(studio))
        page.goto(f"{studio.url}/studio/operator")

        expect(page.locator("h1")).to_have_text("此页面仅供运营者使用。")
