"""The gallery in the documentation shows, searches, traces, erases and undoes."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from contract.client import Client, client_of
from serving import serving

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text()
TIMEOUT_S = 60


@contextmanager
def gallery(client: Client) -> Iterator[str]:
    """The address of the program of the page, which is told the server's address and a key."""
    (program,) = re.findall(r"^```python\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
    environment = {"LIMNER": client.url, "LIMNER_KEY": str(client.key)}
    with subprocess.Popen(
        [sys.executable, "-c", program, "0"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.kill()


def shown(address: str, query: str = "", **form: str) -> str:
    body = urlencode(form).encode() if form else None
    with urlopen(f"{address}/{query}", body, timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own server
        return str(answer.read().decode())


def pictures(page: str) -> list[str]:
    return re.findall(r"alt='([^']*)'", page)


def test_the_program_of_the_page_is_a_gallery(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        client = client_of(server)
        fox = client.done(prompt="a red fox & <friends>")
        child = client.submit(prompt="雪地里的狐狸", file={"type": "png", "url": fox["output"]["generated_image"]})
        client.wait(child)
        with gallery(client) as address:
            first = shown(address)
            thumbnail = re.findall(r"src='([^']+)'", first)[-1].replace("&amp;", "&")
            found = [pictures(shown(address, f"?q={quote(words)}")) for words in ("red fo", "狐狸", "dog")]
            lineage = pictures(shown(address, f"?of={child}"))
            erased = shown(address, erase=fox["task_id"])
            undone = shown(address, undo=fox["task_id"])
            with urlopen(thumbnail, timeout=TIMEOUT_S) as picture:  # noqa: S310 - as above
                kind = picture.headers["Content-Type"]
            shown(address, erase=child)
            deadline = time.monotonic() + TIMEOUT_S
            while "prompt" in client.task(child):
                assert time.monotonic() < deadline
                time.sleep(0.2)

    assert pictures(first) == ["雪地里的狐狸", "a red fox &amp; &lt;friends&gt;"]
    assert found == [["a red fox &amp; &lt;friends&gt;"], ["雪地里的狐狸"], []]
    assert lineage == ["a red fox &amp; &lt;friends&gt;", "雪地里的狐狸"]
    assert pictures(erased) == ["雪地里的狐狸"]
    assert "undo" in erased
    assert len(pictures(undone)) == 2
    assert kind == "image/webp"
