"""HTML pages that load nothing from other hosts and run no scripts."""

from collections.abc import Iterable
from html import escape

from starlette.responses import HTMLResponse

_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 2rem; margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .5rem; text-transform: capitalize; }
details { border-top: 1px solid var(--line); padding: .7rem 0; } summary { cursor: pointer; }
code, pre { font: 13.5px/1.5 ui-monospace, monospace; } pre { overflow: auto; padding: .9rem; border-radius: .5rem;
  background: color-mix(in srgb, currentColor 7%, transparent); }
b { display: inline-block; min-width: 3.6rem; font: 600 12.5px ui-monospace, monospace; color: #c2410c; }
summary span { opacity: .7; margin-left: .6rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .3rem 1.5rem .3rem 0;
  border-bottom: 1px solid var(--line); }
"""


def html_page(title: str, body: Iterable[str]) -> str:
    """A complete document. `body` is HTML: escape text in it."""
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
    viewport = "<meta name=viewport content='width=device-width'>"
    return f"{head}{viewport}<style>{_STYLE}</style>{''.join(body)}"


def html_response(page: str) -> HTMLResponse:
    return HTMLResponse(page, headers={"Content-Security-Policy": _CSP})
