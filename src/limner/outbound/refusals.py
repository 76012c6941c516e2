"""Refusals of URLs, with reason and remedy."""

from limner.domain.refusal import Code, Refusal


def bad_url(url: str, why: str) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"The URL {_short(url)!r} {why}.",
        suggestion="Give a full http:// or https:// address of a JPEG, PNG or WebP, or upload the file instead.",
    )


def not_public(host: str) -> Refusal:
    return Refusal(
        Code.FILE_NOT_FOUND,
        f"The host {_short(host)!r} is not on the public internet, so nothing is fetched from it.",
        suggestion="Use a public http(s) address, or upload the file. "
        "An operator can allow an intranet host with LIMNER_FETCH_ALLOW.",
    )


def unreachable(url: str, why: str) -> Refusal:
    return Refusal(
        Code.FILE_NOT_FOUND,
        f"The file at {_short(url)!r} could not be fetched: {why}.",
        suggestion="Check that the URL opens without a login and answers in time, or upload the file instead.",
    )


def download_too_large(url: str, max_bytes: int) -> Refusal:
    return Refusal(
        Code.IMAGE_TOO_LARGE,
        f"The file at {_short(url)!r} is larger than the {max_bytes / (1024 * 1024):.4g} MB allowed.",
        suggestion=f"Send a JPEG, PNG or WebP of at most {max_bytes / (1024 * 1024):.4g} MB.",
    )


def _short(text: str) -> str:
    """Shorten a URL for error messages."""
    return text if len(text) <= 200 else f"{text[:200]}..."
