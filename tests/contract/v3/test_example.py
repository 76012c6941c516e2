"""The example on the page of this API does what it says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from contract.client import PICTURE
from contract.v3.client import V3Client

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_example_in_javascript_walks_from_an_upload_to_a_picture(client: V3Client, tmp_path: Path) -> None:
    example = re.search(r"```js\n(.*?)```", (ROOT / "docs" / "v3.md").read_text(), re.DOTALL)
    assert example
    (tmp_path / "picture.mjs").write_text(example[1])
    (tmp_path / "input.png").write_bytes(PICTURE)

    run = subprocess.run(
        ["node", "picture.mjs", "input.png", "the same, in watercolour", "out.png"],
        cwd=tmp_path,
        env=os.environ | {"LIMNER_URL": client.url, "LIMNER_KEY": client.key or ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stdout == "out.png, 5 credits, made by sandbox\n", run.stderr
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
