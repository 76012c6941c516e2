"""What every page keeps to, so that its Content-Security-Policy has nothing to report: no inline style or script."""

import re

import pytest

from contract.client import client_of
from limner.studio.page import CSP
from serving import Served
from studio.browser import Tab
from studio.states import STATES

INLINE = re.compile(r"\sstyle=|<style|<script(?![^>]*\bsrc=)|\son\w+=", re.IGNORECASE)
ELSEWHERE = re.compile(r'\s(?:src|action)="(?:https?:)?//(?!127\.0\.0\.1)')


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_no_page_has_inline_styles_or_scripts_or_names_another_host(tab: Tab, studio: Served, language: str) -> None:
    task = client_of(studio).done(prompt="<b style='color:red'>bold</b>", template="figure")["task_id"]
    tab.sign_in(operator=True)
    found = []
    for path in dict.fromkeys(state.path.partition("#")[0] for state in STATES):
        address = f"{studio.url}/studio{path.format(task=task)}"
        answer = tab.page.request.get(address, headers={"accept-language": language})
        assert answer.headers["content-security-policy"] == CSP
        found += [(path, each) for each in (*INLINE.findall(_shown(answer.text())), *ELSEWHERE.findall(answer.text()))]
    assert found == []


def _shown(html: str) -> str:
    """The tags of a page with the names of their attributes: a prompt may say anything, between tags and in values."""
    return " ".join(
        re.sub(r'="[^"]*"', '=""', tag) if "<script" not in tag else tag for tag in re.findall(r"<[^>]*>", html)
    )
