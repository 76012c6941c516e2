"""Checks of URLs before name resolution."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from yarl import URL

from limner.domain.network.ip_address import Address, is_public, literal
from limner.outbound import refusals
from limner.outbound.allowlist import FetchAllow

MAX_URL: Final = 8192
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LOOPBACK: Final = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class UrlError(Exception):
    """The text is not a usable URL; the message continues "The URL ..."."""


class PrivateHostError(Exception):
    """The host is a literal address that is neither public nor allowlisted. The message is the host."""


def check_url(url: str, allow: FetchAllow) -> None:
    """Raise `Refusal` 1004 for an invalid http(s) URL, 2019 for a literal non-public address."""
    try:
        parse(url, allow)
    except UrlError as error:
        raise refusals.bad_url(url, str(error)) from error
    except PrivateHostError as error:
        raise refusals.not_public(str(error)) from error


def parse(url: str, allow: FetchAllow, max_length: int = MAX_URL) -> URL:
    """Parse and check with the HTTP client's own parser, so that the two cannot disagree.

    Raises `UrlError` or `PrivateHostError`.
    """
    _check_text(url, max_length)
    parsed = _parsed(url)
    host = _check_parts(parsed)
    _check_host(host, parsed.port or 0, allow)
    return _as_sent(url, parsed)


def is_listed(url: URL, allow: FetchAllow) -> bool:
    """Whether the allowlist names the host of `url`, without resolving it."""
    host, port = url.raw_host or "", url.port or 0
    return any(allow.permits(host, address, port) for address in _addresses(host) or (None,))


def _check_text(url: str, max_length: int) -> None:
    if len(url) > max_length:
        raise UrlError(f"has {len(url)} characters, more than {max_length}")
    if not url.isprintable() or " " in url or "\\" in url:
        raise UrlError("holds blanks, backslashes or control characters, which must be percent-encoded")


def _parsed(url: str) -> URL:
    try:
        return URL(url)
    except (ValueError, TypeError) as error:
        raise UrlError("cannot be read as a URL") from error


def _check_parts(url: URL) -> str:
    if url.scheme not in {"http", "https"}:
        raise UrlError(f"has the scheme {url.scheme!r}, not http or https" if url.scheme else "has no http(s) scheme")
    if not url.raw_host:
        raise UrlError("names no host")
    if url.user is not None or url.password is not None:
        raise UrlError("carries a user name or password, which is not supported")
    if not url.port:
        raise UrlError("has no port between 1 and 65535")
    return url.raw_host


def _check_host(host: str, port: int, allow: FetchAllow) -> None:
    addresses = _addresses(host)
    if any(allow.permits(host, address, port) for address in addresses or (None,)):
        return
    if not all(is_public(address) for address in addresses):
        raise PrivateHostError(host)
    # Other spellings than the dotted one hide an address, and the HTTP client does not support them.
    if any(isinstance(address, IPv4Address) and str(address) != host for address in addresses):
        raise UrlError(f"spells an address as {host!r} instead of {str(addresses[0])!r}")


def _addresses(host: str) -> tuple[Address, ...]:
    """The addresses of a literal host or localhost; empty for other names."""
    try:
        address = literal(host)
    except ValueError as error:
        raise UrlError(f"has the host {host!r}, which is neither a name nor an address") from error
    if address is not None:
        return (address,)
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlError(f"has the host {host!r}, which is neither a name nor an address")
    return _LOOPBACK if labels[-1] == "localhost" else ()


def _as_sent(url: str, parsed: URL) -> URL:
    """The URL unmodified where possible: re-quoting can break the signature of a signed URL."""
    if not url.isascii():
        return parsed
    exact = URL(url, encoded=True)
    same = (exact.scheme, exact.raw_host, exact.port) == (parsed.scheme, parsed.raw_host, parsed.port)
    return exact if same else parsed
