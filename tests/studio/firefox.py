"""Firefox over WebDriver BiDi, which it speaks by itself: a profile of its own, one tab, and real keys and clicks."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from websockets.sync.client import ClientConnection, connect

LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
WAIT_MS = 60_000
ENTER = "\ue007"
CONTROL = "\ue009"


def firefox() -> str | None:
    """Where Firefox is, if it is installed."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


@dataclass
class FirefoxTab:
    """One tab. Commands are answered in their order; events are not subscribed to."""

    socket: ClientConnection
    context: str = ""
    _number: int = field(default=0)

    def command(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv(2 * WAIT_MS / 1000))).get("id") != self._number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, url: str) -> None:
        self.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        found = self.command(
            "script.evaluate", expression=expression, target={"context": self.context}, awaitPromise=True
        )
        assert found["type"] == "success", found
        return found["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until the expression is true, which is asked in the page at each of its changes."""
        assert self.evaluate(
            f"""new Promise((done) => {{
                const check = () => {{ if ({expression}) {{ watching.disconnect(); done(true); }} }};
                const watching = new MutationObserver(check);
                watching.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
                setTimeout(() => done(false), {WAIT_MS});
                check();
            }})"""
        ), f"never true: {expression}"

    def type(self, text: str) -> None:
        keys = [{"type": kind, "value": each} for each in text for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keys", "actions": keys})

    def press_with_control(self, key: str) -> None:
        pressed = [("keyDown", CONTROL), ("keyDown", key), ("keyUp", key), ("keyUp", CONTROL)]
        self._act({"type": "key", "id": "keys", "actions": [{"type": kind, "value": each} for kind, each in pressed]})

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of the first such element, once nothing covers it there."""
        found = self.evaluate(
            f"""new Promise((done) => {{
                const find = () => {{
                    const node = document.querySelector({json.dumps(selector)});
                    node?.scrollIntoView({{block: 'center', behavior: 'instant'}});
                    const box = node?.getBoundingClientRect();
                    const [x, y] = [Math.round(box?.x + box?.width / 2), Math.round(box?.y + box?.height / 2)];
                    if (node?.contains(document.elementFromPoint(x || 0, y || 0))) done(`${{x}} ${{y}}`);
                    else requestAnimationFrame(find);
                }};
                setTimeout(() => done(''), {WAIT_MS});
                find();
            }})"""
        )
        assert found, f"nothing to click: {selector}"
        x, y = map(int, found.split())
        moves = [{"type": "pointerMove", "x": x, "y": y}]
        moves += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._act({"type": "pointer", "id": "mouse", "actions": moves})

    def _act(self, source: dict[str, Any]) -> None:
        self.command("input.performActions", context=self.context, actions=[source])


@contextlib.contextmanager
def firefox_tab(program: str) -> Iterator[FirefoxTab]:
    with tempfile.TemporaryDirectory() as profile:
        command = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=_environment(profile)
        )
        try:
            with connect(f"{_address(process)}/session", max_size=None) as socket:
                tab = FirefoxTab(socket)
                tab.command("session.new", capabilities={})
                tab.context = tab.command("browsingContext.getTree")["contexts"][0]["context"]
                yield tab
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _environment(home: str) -> dict[str, str]:
    return {"HOME": home, "PATH": "/usr/bin:/bin", "MOZ_CRASHREPORTER_DISABLE": "1", "LANG": "C.UTF-8"}


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    for line in process.stderr:
        if found := LISTENS.search(line):
            return found[1]
    raise RuntimeError(f"Firefox ended with {process.wait()}")
