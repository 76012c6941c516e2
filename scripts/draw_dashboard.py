"""Draw docs/dashboard.svg: the panels of the Grafana dashboard, from a real run and by the dashboard's own queries.

A server and the vendors' emulators run for a while under load, Debian's Prometheus scrapes the server, and each panel
shows what Prometheus answers to the panel's expressions. Grafana itself draws it otherwise. Run it from the checkout:

    .venv/bin/python scripts/draw_dashboard.py
"""

import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import leather

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from contract.client import Client, client_of  # noqa: E402 - after the path of the tests
from crash.emulators import run_emulators  # noqa: E402
from serving import serving  # noqa: E402

RUN_S, STEP_S = 90, 2
WIDTH, HEIGHT, COLUMNS = 480, 260, 3
COLOURS = ("#3b6ea5", "#c8553d", "#4f9d69", "#8e6bbf", "#d9a441", "#6b7280")
MOST_LINES = len(COLOURS)
FAULTS = ("#fault:unavailable*1 ", "#fault:moderated ", "#fault:rate_limited=1*1 ")
ROUTES = [
    {"model": "flux.1_kontext_pro", "provider": "bfl", "upstream": "flux-kontext-pro", "price_usd": 0.04},
    {"model": "gpt_image_2", "provider": "openai", "upstream": "gpt-image-2", "price_usd": 0.05},
    {"model": "gemini_2.5_flash_image_preview", "provider": "gemini", "upstream": "gemini-2.5-flash-image"},
]


@dataclass(frozen=True, slots=True)
class Line:
    """A series of a panel: its legend, and points of seconds since the start and values."""

    legend: str
    points: list[tuple[float, float]]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="limner-dashboard-") as name:
        folder, port = Path(name), _free_port()
        with run_emulators(folder / "purchases.jsonl") as vendors:
            chosen = {"engine": "builtin", "metrics_listen": f"127.0.0.1:{port}", "tasks_at_once": "4"}
            environment = {**vendors.environment, "LIMNER_ROUTE": json.dumps(ROUTES)}
            with (
                serving(folder / "data", vendors=environment, **chosen) as server,
                _prometheus(folder, port) as address,
            ):
                began_s = time.time()
                _load(client_of(server))
                panels = json.loads((ROOT / "deploy" / "grafana" / "limner.json").read_text())["panels"]
                drawn = [_panel(panel, _lines(address, panel, began_s)) for panel in panels]
    (ROOT / "docs" / "dashboard.svg").write_text(_page(drawn))


def _load(client: Client) -> None:
    """Tasks of three models in waves, some of which fail."""
    chance = random.Random(1)  # noqa: S311 - the same run each time
    ends_s = time.monotonic() + RUN_S
    while time.monotonic() < ends_s:
        for _ in range(chance.randint(1, 8)):
            fault = chance.choice(FAULTS) if chance.random() < 0.2 else ""
            model = chance.choice([route["model"] for route in ROUTES])
            client.create(prompt=f"{fault}a lighthouse at dusk", model_version=model)
        time.sleep(chance.uniform(0.5, 4))


@contextmanager
def _prometheus(folder: Path, scraped: int) -> Iterator[str]:
    """The address of a Prometheus that scrapes the server each second."""
    port = _free_port()
    job = {"job_name": "limner", "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}]}
    (folder / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
    command = [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    with subprocess.Popen(command) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _lines(address: str, panel: dict[str, Any], began_s: float) -> list[Line]:
    found = [
        Line(_legend(target.get("legendFormat", ""), series["metric"]), _points(series["values"], began_s))
        for target in panel["targets"]
        for series in _ask(address, target["expr"], began_s)
    ]
    drawn = [line for line in found if line.points]
    return sorted(drawn, key=lambda line: -max(value for _, value in line.points))[:MOST_LINES]


def _ask(address: str, expression: str, began_s: float) -> list[dict[str, Any]]:
    query = urlencode({"query": expression, "start": began_s, "end": time.time(), "step": STEP_S})
    with urlopen(f"{address}/api/v1/query_range?{query}", timeout=30) as answer:  # noqa: S310 - our own server
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


def _points(values: list[tuple[float, str]], began_s: float) -> list[tuple[float, float]]:
    return [(at - began_s, float(value)) for at, value in values if value not in {"NaN", "+Inf"}]


def _legend(pattern: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), pattern) or "value"


def _panel(panel: dict[str, Any], lines: list[Line]) -> str:
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
    title = panel["title"] if unit in {"", "short"} else f"{panel['title']} ({unit})"
    if not lines:
        return f'<text x="16" y="30" font-size="16" font-family="sans-serif">{title}: nothing in this run</text>'
    chart = leather.Chart(title)
    chart.add_x_scale(0, max(at for line in lines for at, _ in line.points))
    for line, colour in zip(lines, COLOURS, strict=False):
        chart.add_line(line.points, name=line.legend, stroke_color=colour, width=2)
    return str(chart.to_svg(width=WIDTH, height=HEIGHT))


def _page(panels: list[str]) -> str:
    rows = -(-len(panels) // COLUMNS)
    placed = [
        f'<svg x="{number % COLUMNS * WIDTH}" y="{number // COLUMNS * HEIGHT}">{_without_head(panel)}</svg>'
        for number, panel in enumerate(panels)
    ]
    width, height = COLUMNS * WIDTH, rows * HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="{width}" height="{height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *placed, "</svg>"]) + "\n"


def _without_head(svg: str) -> str:
    return re.sub(r"<[?]xml[^>]*>", "", svg)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
