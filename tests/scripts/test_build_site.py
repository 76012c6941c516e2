"""The site has every page, and pages are copied to it as they are meant. `make site` builds it and checks its links."""

from pathlib import Path
from types import ModuleType

import pytest

from project_scripts import load_script

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    return load_script("build_site")


def test_every_page_is_on_the_site_once(builder: ModuleType) -> None:
    placed = [page for _, pages in builder.parts() for page in pages]
    here = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}

    assert len(placed) == len(set(placed))
    assert here <= {*placed} <= here | {"decisions/index.md", *builder.AT_ROOT.values()}


@pytest.mark.parametrize(
    ("page", "text", "on_the_site"),
    [
        ("README.md", "[API](docs/api.md#tasks)", "[API](api.md#tasks)"),
        ("README.md", "![a cat](docs/cat.webp)", "![a cat](cat.webp)"),
        ("README.md", "[why](docs/decisions/)", "[why](decisions/index.md)"),
        ("docs/api.md", "[how](../CONTRIBUTING.md)", "[how](contributing.md)"),
        ("docs/api.md", "[the test](../tests/serving.py)", "the test"),
        ("docs/decisions/0001-a.md", "[terms](../glossary.md)", "[terms](../glossary.md)"),
        ("docs/api.md", "[out](https://example.org)", "[out](https://example.org)"),
    ],
)
def test_a_link_leads_to_the_same_page(builder: ModuleType, page: str, text: str, on_the_site: str) -> None:
    assert builder.for_site(text, ROOT / page) == on_the_site + "\n"


@pytest.mark.parametrize(
    ("text", "on_the_site"),
    [
        ("- a\n\n      code\n\nafter", "- a\n\n        code\n\nafter"),
        ("1. a\n   more\n2. b", "1. a\n    more\n2. b"),
        ("text:\n- a\n- b", "text:\n\n- a\n- b"),
        ("text:\n| a |\n|---|\n| b |", "text:\n\n| a |\n|---|\n| b |"),
        ("```\n- not a list\n  x\n```", "```\n- not a list\n  x\n```"),
    ],
)
def test_lists_and_tables_are_as_github_reads_them(builder: ModuleType, text: str, on_the_site: str) -> None:
    assert builder.for_site(text, DOCS / "api.md") == on_the_site + "\n"


def test_a_broken_link_a_missing_anchor_and_what_is_loaded_from_elsewhere_are_found(
    builder: ModuleType, tmp_path: Path
) -> None:
    links = ["b/", "b/#there", "b/#gone", "c/", "https://cdn.example.org/a.js", "https://example.org/"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.html").write_text('<h2 id="there">There</h2>')
    (tmp_path / "index.html").write_text("".join(f'<a href="{link}">x</a>' for link in links))

    found = list(builder.broken_links(tmp_path))

    assert found == [
        "index.html: no anchor b/#gone",
        "index.html: no c/",
        "index.html: loads https://cdn.example.org/a.js",
    ]
