import pytest

from limner.studio.assets import assets, scripts_of


def test_a_page_asks_at_once_for_all_its_modules() -> None:
    """Those of every page, its own, and those that these import."""
    everywhere = {
        "acts.js",
        "compare.js",
        "floating.js",
        "keys.js",
        "live.js",
        "notices.js",
        "page.js",
        "palette.js",
        "socket.js",
    }

    assert set(scripts_of("account")) == everywhere
    assert set(scripts_of("make")) == everywhere | {"composer.js", "feed.js", "others.js", "prompt.js", "references.js"}


@pytest.mark.parametrize("page", ["make", "picture", "history", "reference", "sign_in"])
def test_every_module_of_a_page_exists(page: str) -> None:
    assert set(scripts_of(page)) <= assets().keys()
