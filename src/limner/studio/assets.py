"""The Studio's own files: style sheet, scripts, fonts and icons. Their address holds a digest: browsers keep them."""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from limner.studio.compression import takes_gzip

FOLDER = Path(__file__).parent / "assets"

_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_COMPRESSIBLE = frozenset({".js", ".css", ".svg", ".txt"})
_IMPORT = re.compile(r'^import .* from "\./([\w-]+\.js)";$', re.MULTILINE)
_OWN_SCRIPTS = {
    "make": ("composer.js", "feed.js"),
    "picture": ("stage.js", "code.js"),
    "history": ("history.js",),
    "operator": ("operator.js",),
    "reference": ("reference.js",),
}
"""What `studio.js` loads for a page by itself."""

_HEADERS = {
    "Vary": "Accept-Encoding",
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """`compressed` is None for formats that are compressed by themselves."""

    content: bytes
    media_type: str
    compressed: bytes | None = None


@cache
def assets() -> dict[str, StaticFile]:
    """All files by name. They are small and read once."""
    return {each.name: _static_file(each) for each in sorted(FOLDER.iterdir())}


@cache
def version() -> str:
    """The digest of all files: their names refer to one another, so they change their address together."""
    digest = hashlib.blake2b(digest_size=8)
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.content)
    return digest.hexdigest()


@cache
def scripts_of(page: str) -> Sequence[str]:
    """The modules that a page needs, its own first: they are asked for at once, not as one imports the other."""
    found = [*_OWN_SCRIPTS.get(page, ()), "studio.js"]
    for name in found:
        found += [each for each in _imported(assets()[name].content) if each not in found]
    return [each for each in found if each != "studio.js"]


def _imported(script: bytes) -> Sequence[str]:
    return _IMPORT.findall(script.decode())


@cache
def example_templates() -> frozenset[str]:
    """The built-in templates that have a picture before and after."""
    shown = {name for name in assets() if name.startswith("before-")}
    return frozenset(name.removeprefix("before-").removesuffix(".webp") for name in shown)


async def serve_asset(request: Request) -> Response:
    """`/studio/assets/{version}/{name}`. Files of another version are not found: the page is older than the server."""
    asset = assets().get(request.path_params["name"])
    if asset is None or request.path_params["version"] != version():
        return Response("This file belongs to another version of Limner.", 404, media_type="text/plain")
    if asset.compressed and takes_gzip(request):
        return Response(asset.compressed, 200, _HEADERS | {"Content-Encoding": "gzip"}, asset.media_type)
    return Response(asset.content, 200, _HEADERS, asset.media_type)


def _static_file(path: Path) -> StaticFile:
    content = path.read_bytes()
    compressed = gzip.compress(content, mtime=0) if path.suffix in _COMPRESSIBLE else None
    return StaticFile(content, _media_type(path), compressed)


def _media_type(path: Path) -> str:
    guessed = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return guessed or "application/octet-stream"
