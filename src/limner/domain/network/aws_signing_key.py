"""The key of AWS signature version 4: of requests that come to Limner, and of links that it gives out."""

import hmac


def aws_signing_key(secret: str, scope: str) -> bytes:
    """The key for a scope such as `20261201/us-east-1/s3/aws4_request`."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
