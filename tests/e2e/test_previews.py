"""`limner generate --previews`: pictures before they are finished, saved beside the picture."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from e2e.test_cli import Limner
from limner_vendors import Vendors


@pytest.fixture
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["openai"]) as emulators:
        yield emulators


def command(emulators: Vendors, folder: Path) -> Limner:
    streams = {"LIMNER_PROVIDER__OPENAI__OPTIONS": json.dumps({"stream": True})}
    return Limner(folder / "data", tuple((emulators.environment() | streams).items()))


async def test_they_are_saved_beside_the_picture_and_named(emulators: Vendors, tmp_path: Path) -> None:
    limner = command(emulators, tmp_path)
    (tmp_path / "heron-preview-2.png").write_bytes(b"mine")
    arguments = ("generate", "a heron", "-m", "gpt_image_2", "--previews", "2", "-o", tmp_path / "heron.png")
    ran = await asyncio.to_thread(limner, *arguments)

    assert ran.code == 0, ran.err
    with Image.open(tmp_path / "heron.png") as picture, Image.open(tmp_path / "heron-preview-1.png") as preview:
        assert preview.width < picture.width
    assert f"Preview  {tmp_path / 'heron-preview-1.png'}" in ran.err
    assert (tmp_path / "heron-preview-2.png").read_bytes() == b"mine"
    assert "heron-preview-2.png was not saved" in ran.err


async def test_more_than_a_vendor_shows_is_refused(emulators: Vendors, tmp_path: Path) -> None:
    ran = await asyncio.to_thread(command(emulators, tmp_path), "generate", "a heron", "--previews", "4")

    assert ran.code == 1
    assert "partial_images" in ran.err
    assert emulators.purchases("openai") == []
