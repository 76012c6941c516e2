"""Measures the Studio's budget and prints it as a table: `make studio-budget`.

Bytes, paints, keys and long tasks are taken in Chromium, the server's times from a loopback connection. The load of the
machine is printed with them.
"""

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect

from contract.client import Client, client_of
from serving import Served, serving
from studio.browser import WAIT_MS, chromium, link, running_browser
from studio.large_history import HISTORY, fill_history

CARDS, CHANGING = 200, 20
KEYS, REFERENCES = 100, 10
REPEATS = 40
WIDE: ViewportSize = {"width": 1280, "height": 800}

OBSERVE = """() => {
    window.long = []; window.shift = 0;
    new PerformanceObserver((list) => { for (const each of list.getEntries()) window.long.push(each.duration); })
        .observe({type: 'longtask', buffered: false});
    new PerformanceObserver((list) => { for (const each of list.getEntries()) window.shift += each.value; })
        .observe({type: 'layout-shift', buffered: true});
}"""

TYPE = """async ([text, many]) => {
    const prompt = document.getElementById('prompt');
    const took = [];
    for (let n = 0; n < many; n += 1) {
        const began = performance.now();
        prompt.value += text[n % text.length];
        prompt.dispatchEvent(new Event('input', {bubbles: true}));
        prompt.getBoundingClientRect();
        took.push(performance.now() - began);
        await new Promise(requestAnimationFrame);
    }
    return took;
}"""

Row = tuple[str, str]


def main() -> None:
    program = chromium()
    if program is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    sys.stdout.write(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as folder, running_browser(program) as browser:
        rows = itertools.chain(_of_make(browser, Path(folder) / "make"), _of_history(browser, Path(folder) / "history"))
        for what, figure in rows:
            sys.stdout.write(f"| {what} | {figure} |\n")
            sys.stdout.flush()


def _of_make(browser: Browser, data: Path) -> Iterator[Row]:
    with serving(data, account_tasks="1000", uploads_per_second="1000", sandbox_delay_s="2") as served:
        client = client_of(served)
        for number in range(48):
            client.create(prompt=f"a picture of the feed, number {number}")
        client.done(prompt="the last of them")
        with browser.new_context(viewport=WIDE) as context:
            page = context.new_page()
            page.set_default_timeout(WAIT_MS)
            page.goto(link(served))
            yield from _transferred(page, served)
            yield from _paints(page, served)
            yield from _typing(page, client)
            yield from _live(page, served, client)
            yield "Make, from the server (p50, p95)", _times(page, f"{served.url}/studio")


def _transferred(page: Page, served: Served) -> Iterator[Row]:
    shown = transferred_kb(page, served)
    parts = ", ".join(f"{kind.lower()} {size:.1f}" for kind, size in sorted(shown.items()))
    yield "Make, transferred without pictures", f"{sum(shown.values()):.0f} KB: {parts}"


def transferred_kb(page: Page, served: Served) -> Mapping[str, float]:
    """KB of the first visit without pictures, as they go over the line, by the kind of the resource."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    kinds, sizes = dict[str, str](), dict[str, float]()
    session.on("Network.responseReceived", lambda event: kinds.update({event["requestId"]: event["type"]}))
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(f"{served.url}/studio")
    page.wait_for_load_state("networkidle")
    by_kind = dict[str, float]()
    for request, kind in kinds.items():
        by_kind[kind] = by_kind.get(kind, 0) + sizes.get(request, 0) / 1024
    session.detach()
    return {kind: size for kind, size in by_kind.items() if kind not in {"Image", "WebSocket", "Ping"}}


FIRST_PAINT = """new Promise((tell) => new PerformanceObserver((list) => {
    const [paint] = list.getEntriesByName('first-contentful-paint');
    if (paint) tell(paint.startTime);
}).observe({ type: 'paint', buffered: true }))"""
"""When something was painted first: a quick page is ready before that."""


def _paints(page: Page, served: Served) -> Iterator[Row]:
    first, ready, shift = list[float](), list[float](), list[float]()
    for _ in range(9):
        page.goto(f"{served.url}/studio")
        page.evaluate(OBSERVE)
        expect(page.locator("#quote")).not_to_be_empty()
        ready.append(page.evaluate("performance.now()"))
        first.append(page.evaluate(FIRST_PAINT))
        shift.append(page.evaluate("window.shift"))
    yield "first paint / interactive (medians of 9)", f"{_median(first)} / {_median(ready)} ms"
    yield "layout shift of Make", f"{max(shift):.3f}"


def _typing(page: Page, client: Client) -> Iterator[Row]:
    token = client.token()
    kept = [
        {"name": f"{n}.png", "file": {"type": "png", "file_token": token}, "thumb": None} for n in range(REFERENCES)
    ]
    page.evaluate("(refs) => sessionStorage.setItem('limner.draft', JSON.stringify({refs}))", kept)
    page.reload()
    expect(page.locator(".ref img, .ref__address")).to_have_count(REFERENCES)
    took = page.evaluate(TYPE, ["the knight of image[1], ", KEYS])
    yield f"a key with {REFERENCES} references (median, p95)", f"{_median(took)}, {_p95(took)} ms"
    page.evaluate("sessionStorage.removeItem('limner.draft')")


def _live(page: Page, served: Served, client: Client) -> Iterator[Row]:
    """Tasks of two seconds each: about twenty of two hundred cards change at any time."""
    page.goto(f"{served.url}/studio")
    page.evaluate(OBSERVE)
    for number in range(CARDS):
        client.create(prompt=f"a live card, number {number}")
    expect(page.locator(".card[data-state=success]", has_text="a live card")).to_have_count(CARDS, timeout=10 * WAIT_MS)
    tasks = page.evaluate("window.long")
    longest = f"{max(tasks):.0f} ms, {sum(each > 50 for each in tasks)} over 50 ms" if tasks else "none"
    yield f"long tasks while {CARDS} cards are made", longest


def _of_history(browser: Browser, data: Path) -> Iterator[Row]:
    with serving(data) as served:
        fill_history(served)
        with browser.new_context(viewport=WIDE) as context:
            page = context.new_page()
            page.set_default_timeout(WAIT_MS)
            page.goto(link(served))
            base = f"{served.url}/studio/history"
            yield f"history of {HISTORY:,}: first page (p50, p95)", _times(page, base)
            yield "the same, a page of tiles 50,000 back", _times(page, f"{base}/tiles?until=2026-01-01")
            yield "the same, a search for a rare word", _times(page, f"{base}/tiles?q=needle")
            yield "the same, a search for a frequent word", _times(page, f"{base}/tiles?q=lighthouse")
            yield "the same, the rail of dates", _times(page, f"{base}/rail")
            yield from _scrolling(page, base)


def _scrolling(page: Page, address: str) -> Iterator[Row]:
    page.goto(address)
    frames = page.evaluate(
        """async () => {
            const took = []; let last = performance.now();
            for (let n = 0; n < 240; n += 1) {
                scrollBy(0, 120);
                await new Promise(requestAnimationFrame);
                took.push(performance.now() - last); last = performance.now();
            }
            return took;
        }"""
    )
    slow = sum(each > 2 * 1000 / 60 for each in frames)
    tiles = page.locator(".tile").count()
    yield f"scrolling 240 frames, to {tiles} tiles", f"p95 {_p95(frames)} ms, {slow} frames over two"


def _times(page: Page, address: str) -> str:
    """Of requests one after another with the browser's session, in a warm process."""
    send: Callable[[], Any] = lambda: page.context.request.get(address, headers={"hx-request": "true"})  # noqa: E731
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = send()
        took.append((time.perf_counter() - began) * 1000)
        assert answer.ok, answer.status
    return f"{_median(took)}, {_p95(took)} ms"


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.1f}"


def _p95(values: list[float]) -> str:
    return f"{statistics.quantiles(values, n=20)[-1]:.1f}"


if __name__ == "__main__":
    main()
