"""The address and the key, from arguments or the environment."""

import os

URL, KEY = "LIMNER_CLIENT_URL", "LIMNER_CLIENT_KEY"


def chosen_url(url: str | None) -> str:
    found = url or os.environ.get(URL, "http://127.0.0.1:8000")
    if not found.startswith(("http://", "https://")):
        raise ValueError(f"{found!r} is no address of a server: it begins with http:// or https://")
    # The address of a face is taken for that of its server.
    return found.rstrip("/").removesuffix("/v2/openapi").removesuffix("/v3")


def chosen_key(key: str | None) -> str:
    found = key or os.environ.get(KEY, "")
    if not found:
        raise ValueError(f"there is no API key: pass one, or set {KEY}")
    return found
