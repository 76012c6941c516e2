"""The files that travel with the package: emoji pictures, icon outlines, names in many languages, the lexicon."""

import gzip
import io
import json
import re
import tomllib
import zipfile
from functools import cache
from importlib import resources
from typing import Any

from PIL import Image

HOME = resources.files("limner_builtin")


def model_path(name: str) -> str:
    return str(HOME / "models" / f"{name}.onnx")


@cache
def _emoji_archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO((HOME / "assets" / "fluent-emoji-3d.zip").read_bytes()))


@cache
def emoji_codes() -> dict[str, str]:
    """Every code point sequence we have a picture of, without variation selectors, and its file's name."""
    return {name[:-5].replace("-fe0f", ""): name for name in _emoji_archive().namelist() if name.endswith(".webp")}


def emoji_picture(code: str) -> Image.Image:
    """A 256 px RGBA picture."""
    return Image.open(io.BytesIO(_emoji_archive().read(emoji_codes()[code]))).convert("RGBA")


@cache
def _modelled() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO((HOME / "assets" / "modelled.zip").read_bytes())) as archive:
        return {name.removesuffix(".webp"): archive.read(name) for name in archive.namelist()}


def modelled_names() -> frozenset[str]:
    return frozenset(_modelled())


def modelled_picture(name: str) -> Image.Image | None:
    """An RGBA picture that takes the place of an emoji of a head (by its code) or of an icon ("icon-NAME")."""
    data = _modelled().get(name)
    return None if data is None else Image.open(io.BytesIO(data)).convert("RGBA")


@cache
def emoji_names() -> dict[str, dict[str, list[str]]]:
    """`{locale: {code: [name, tag, ...]}}`, for the codes we have a picture of."""
    table: dict[str, dict[str, list[str]]] = _unzipped("emoji-labels.json.gz")
    known = emoji_codes()
    return {
        locale: {
            code.replace("-fe0f", ""): words for code, words in names.items() if code.replace("-fe0f", "") in known
        }
        for locale, names in table.items()
    }


@cache
def _plates() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO((HOME / "assets" / "plates.zip").read_bytes())) as archive:
        return {name.removesuffix(".webp"): archive.read(name) for name in archive.namelist()}


def plate_names() -> frozenset[str]:
    """The places that were rendered beforehand, with their hour where it is not the day: "beach-sunset"."""
    return frozenset(_plates())


def plate_picture(name: str) -> Image.Image:
    """A picture of 960 by 720."""
    return Image.open(io.BytesIO(_plates()[name])).convert("RGB")


@cache
def icon_paths() -> dict[str, list[str]]:
    """`{name: [path data, ...]}` on a 512 by 512 viewbox."""
    icons = _unzipped("game-icons.json.gz")["icons"]
    return {name: re.findall(r' d="([^"]*)"', icon["body"]) for name, icon in icons.items()}


@cache
def noun_table() -> dict[str, Any]:
    """`kinds`: `{name: [English nouns that are drawn as it]}`; `modifiers`: English words that mean no thing."""
    table: dict[str, Any] = _unzipped("nouns.json.gz")
    return table


@cache
def lexicon() -> dict[str, Any]:
    """Our own words: colours, counts, places, relations and synonyms."""
    return tomllib.loads((HOME / "assets" / "lexicon.toml").read_text("utf-8"))


@cache
def edit_words() -> dict[str, Any]:
    """Words that ask for a change of the caller's picture."""
    return tomllib.loads((HOME / "assets" / "edits.toml").read_text("utf-8"))


def _unzipped(name: str) -> Any:
    return json.loads(gzip.decompress((HOME / "assets" / name).read_bytes()))
