"""Builds the site of the documentation from docs/, README.md and others, with Zensical: `make site`.

    .venv-site/bin/python scripts/build_site.py OUT

Pages are copied with their links made to fit; what they link to outside of the site becomes plain text. The build fails
at a warning. Then every link, anchor and picture of each page is looked up, without a network, and llms.txt (all pages,
with a sentence each) and llms-full.txt (their whole text) are written.
"""

import html.parser
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
AT_ROOT = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "RELEASING.md": "releasing.md",
}
"""Files at the root of the checkout that are pages."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")
ITEM = re.compile(r"(?:[-*]|\d+\.) +")
GENERATED = re.compile(r"^<!--.*?-->\n+", re.DOTALL)


def main() -> None:
    out = Path(sys.argv[1]).resolve()
    shutil.rmtree(out, ignore_errors=True)
    source = out / "source"
    copy_pages(source)
    (out / "zensical.toml").write_text(configuration())
    build(out)
    site = out / "site"
    write_llms(source, site)
    faults = [*broken_links(site), *missing_features(site)]
    print(f"{len(list(site.rglob('*.html')))} pages in {site}")
    sys.exit("\n".join(faults) if faults else None)


def parts() -> list[tuple[str, list[str]]]:
    """The parts of the site with their pages, as paths in it."""
    found = [
        (part["title"], [f"{page}.md" for page in part["pages"]])
        for part in tomllib.loads((DOCS / "site.toml").read_text())["part"]
    ]
    decisions = [
        "decisions/index.md",
        *(f"decisions/{path.name}" for path in sorted((DOCS / "decisions").glob("*.md"))),
    ]
    return [*found, ("Project", [name for name in AT_ROOT.values() if name != "index.md"]), ("Decisions", decisions)]


def copy_pages(target: Path) -> None:
    for path in DOCS.rglob("*"):
        if path.is_file() and path.suffix != ".toml":
            put(path, target / path.relative_to(DOCS))
    for name, page in AT_ROOT.items():
        put(ROOT / name, target / page)
    rows = [f"- [{title_of(path)}]({path.name})" for path in sorted((target / "decisions").glob("0*.md"))]
    (target / "decisions" / "index.md").write_text("# Decisions\n\n" + "\n".join(rows) + "\n")


def put(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".md":
        target.write_text(for_site(path.read_text(), path))
    else:
        shutil.copy(path, target)


def for_site(text: str, path: Path) -> str:
    """A page with its links as they are on the site, and its lists indented as Python's Markdown wants it."""
    linked = LINK.sub(lambda match: _link(match, path), GENERATED.sub("", text))
    return "\n".join(_for_python_markdown(linked.splitlines())) + "\n"


def _for_python_markdown(lines: list[str]) -> Iterator[str]:
    """What belongs to an item of a list is indented by four, and lists and tables stand apart from the text before."""
    width, fenced, before = 0, False, ""
    for line in lines:
        inside = width and (not line.strip() or line.startswith(" " * width))
        if not inside and not fenced:
            item = ITEM.match(line)
            starts = (item and not width) or (line.startswith("|") and not before.startswith("|"))
            if starts and before.strip():
                yield ""
            width = len(item[0]) if item else width if before.strip() and not line.startswith(("#", "|", "`")) else 0
        if line.lstrip().startswith("```"):
            fenced = not fenced
        yield " " * (4 - width) + line if inside and line.strip() and width < 4 else line
        before = line


def _link(match: re.Match[str], path: Path) -> str:
    mark, text, target, anchor = match[1], match[2], match[3], match[4] or ""
    page = page_of((path.parent / target).resolve())
    if page is None:
        return text
    up = "../" * (page_of(path) or "").count("/")
    return f"{mark}[{text}]({up}{page}{anchor})"


def page_of(file: Path) -> str | None:
    """Where a file of the checkout is on the site; None if it is not there."""
    if file == DOCS / "decisions":
        return "decisions/index.md"
    if file.is_relative_to(DOCS):
        return str(file.relative_to(DOCS))
    return AT_ROOT.get(file.name) if file.parent == ROOT else None


def title_of(page: Path) -> str:
    return next(line[2:].replace("`", "") for line in page.read_text().splitlines() if line.startswith("# "))


def summary_of(page: Path) -> str:
    """The first sentence of a page."""
    paragraphs = page.read_text().partition("\n# ")[2] if not page.read_text().startswith("# ") else page.read_text()
    for block in paragraphs.split("\n\n")[1:]:
        if re.match(r"[A-Z*`\[]", block):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(block.split()))
            return re.split(r"(?<=[.:])\s", plain)[0].rstrip(":").replace("*", "")
    return ""


def configuration() -> str:
    source = Path("source")
    nav: list[object] = [{"Limner": "index.md"}, *({title: pages} for title, pages in parts())]
    palettes = [
        ("(prefers-color-scheme)", None, "lucide/sun-moon", "Light theme"),
        ("(prefers-color-scheme: light)", "default", "lucide/sun", "Dark theme"),
        ("(prefers-color-scheme: dark)", "slate", "lucide/moon", "Theme of the system"),
    ]
    lines = [
        "[project]",
        'site_name = "Limner"',
        'site_description = "A self-hosted image-generation service"',
        f"docs_dir = {json.dumps(str(source))}",
        'site_dir = "site"',
        f"nav = {_toml(nav)}",
        "[project.theme]",
        "font = false",
        'features = ["navigation.tabs", "navigation.top", "search.highlight", "content.code.copy", "toc.follow"]',
    ]
    for media, scheme, icon, name in palettes:
        lines += ["[[project.theme.palette]]", f"media = {json.dumps(media)}"]
        lines += [f"scheme = {json.dumps(scheme)}"] if scheme else []
        lines += [f"toggle.icon = {json.dumps(icon)}", f"toggle.name = {json.dumps(name)}"]
    extensions = ["admonition", "attr_list", "tables", "toc", "pymdownx.superfences", "pymdownx.highlight"]
    lines += [f'[project.markdown_extensions."{name}"]' for name in extensions]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value)


def build(folder: Path) -> None:
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode or "warning" in said.lower():
        sys.exit(said)


def write_llms(source: Path, site: Path) -> None:
    listed, whole = (
        ["# Limner", "", "> A self-hosted image-generation service: one durable task API over many models."],
        [],
    )
    for title, pages in parts():
        listed += ["", f"## {title}", ""]
        for page in pages:
            text = source / page
            summary = summary_of(text)
            listed.append(f"- [{title_of(text)}]({page})" + (f": {summary}" if summary else ""))
            whole.append(text.read_text().strip())
            target = site / page
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(text, target)
    (site / "llms.txt").write_text("\n".join(listed) + "\n")
    (site / "llms-full.txt").write_text("\n\n---\n\n".join(whole) + "\n")


class Page(html.parser.HTMLParser):
    """What a page links to, and what can be linked to on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "__top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.anchors.add(value)
            if name in {"href", "src"} and value is not None and tag != "base":
                self.links.append(value)


def broken_links(site: Path) -> Iterator[str]:
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # served under any path: its links begin at the site's root
        for link in page.links:
            parts_of_link = urlsplit(link)
            if parts_of_link.scheme or parts_of_link.netloc:
                if tagged_from_elsewhere(link):
                    yield f"{path.relative_to(site)}: loads {link}"
                continue
            target = (path.parent / unquote(parts_of_link.path)).resolve() if parts_of_link.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site)}: no {link}"
            elif parts_of_link.fragment and unquote(parts_of_link.fragment) not in pages[target].anchors:
                yield f"{path.relative_to(site)}: no anchor {link}"


def tagged_from_elsewhere(link: str) -> bool:
    """Whether the page would load a script, style or font from another host."""
    return bool(re.search(r"\.(js|css|woff2?|png|svg)(\?|$)", link))


def missing_features(site: Path) -> Iterator[str]:
    index = (site / "index.html").read_text()
    if not (site / "search.json").exists() and not list(site.rglob("search_index.json")):
        yield "there is no index to search in"
    if 'data-md-color-scheme="slate"' not in index:
        yield "there is no dark theme"


if __name__ == "__main__":
    main()
