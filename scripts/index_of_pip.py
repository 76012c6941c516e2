"""Prints, as lines for a shell, the variables that make uv ask the package index that pip asks.

Reads what `pip config list` prints. Exits with 1 where pip is set in a way that uv has no variable for: then pip itself
has to do the work. Nothing is kept: an address may hold a password.
"""

import ast
import shlex
import sys
from collections.abc import Iterable, Mapping

SECTIONS = ("global", "install", ":env:")
"""The later wins."""

ONE = {
    "index-url": "UV_DEFAULT_INDEX",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "keyring-provider": "UV_KEYRING_PROVIDER",
}
SEVERAL = {
    "extra-index-url": ("UV_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "find-links": ("UV_FIND_LINKS", ","),
}
"""pip takes words, uv takes them with this between."""

PIP_ALONE = {"no-binary", "only-binary", "target", "prefix", "root", "user", "no-index"}


def variables(listed: Iterable[str]) -> Mapping[str, str]:
    """What uv has to know; KeyError where only pip understands."""
    settings: dict[str, str] = {}
    for section in SECTIONS:
        for line in listed:
            name, _, value = line.strip().partition("=")
            where, _, key = name.partition(".")
            if where == section:
                settings[key] = str(ast.literal_eval(value))
    if alone := PIP_ALONE & settings.keys():
        raise KeyError(*alone)
    found = {ONE[key]: value for key, value in settings.items() if key in ONE}
    for key, (variable, between) in SEVERAL.items():
        if words := settings.get(key, "").split():
            found[variable] = between.join(words)
    return found


def main() -> int:
    try:
        found = variables(sys.stdin.readlines())
    except (KeyError, ValueError, SyntaxError):
        return 1
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
