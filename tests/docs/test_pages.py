import re
import tomllib
from pathlib import Path

import pytest

from limner.api.v2.errors import ERRORS
from limner.api.v3.errors import ERRORS as V3_ERRORS
from limner.domain.tasks.task import Status
from project_scripts import load_script

ROOT = Path(__file__).resolve().parents[2]
VENDORS = sorted(path.name for path in (ROOT / "docs").glob("vendor-*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")


def test_pages_made_from_the_code_are_up_to_date() -> None:
    made = load_script("write_docs").pages()
    written = {name: (ROOT / "docs" / name).read_text() for name in made}

    assert len(made) == 4 + len(VENDORS)
    assert made == written, "run `make docs`"


def test_the_page_of_figures_is_up_to_date() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()

    assert load_script("write_performance").page() == page, "run `make docs`"


def test_every_error_code_of_the_table_is_explained() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()

    explained = {int(code) for code in re.findall(r"\b(?:1|2|9)\d{3}\b", page.partition("## Errors of a call")[2])}

    assert explained >= ERRORS.keys()


def test_every_error_code_of_v3_is_explained() -> None:
    page = (ROOT / "docs" / "errors.md").read_text().partition("## Errors of a call")[2]

    explained = {int(code) for code in re.findall(r"\b\d{4}\b|(?<=\| )\d(?= \|)", page)}

    assert explained >= V3_ERRORS.keys()


def test_every_status_is_explained() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()

    assert all(f"| `{status}` |" in page for status in Status)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = [page.parent / match[1] for match in LINK.finditer(page.read_text())]

    assert [target for target in targets if not target.exists()] == []


def test_what_newcomers_missed_is_said() -> None:
    pages = {name: (ROOT / name).read_text() for name in ("README.md", "docs/operating.md", "docs/backup.md")}
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]

    assert "export PATH=" in pages["README.md"]
    assert "AWS_ALLOW_HTTP=true" in pages["docs/operating.md"]
    assert "your own templates" in pages["docs/backup.md"]
    assert [each for each in needed if each.startswith("fastapi")] == []
