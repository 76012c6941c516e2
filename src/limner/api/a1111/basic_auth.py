"""Basic authentication: the password is a key, the user name may choose a model."""

import base64
import binascii

from starlette.requests import Request

from limner.application.accounts.manage import KEY_PREFIX


def bearer_of(request: Request) -> str | None:
    """The Authorization header, with the key of Basic credentials as a bearer's.

    The key may be either half: apps differ in which they let one leave empty.
    """
    user, password = credentials(request)
    for half in (password, user):
        if half.startswith(KEY_PREFIX):
            return f"Bearer {half}"
    return request.headers.get("authorization")


def user_name(request: Request) -> str:
    """The user name of Basic credentials whose password is the key; empty without one."""
    user, password = credentials(request)
    return user if password.startswith(KEY_PREFIX) else ""


def credentials(request: Request) -> tuple[str, str]:
    """User name and password, both empty where the header has none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
