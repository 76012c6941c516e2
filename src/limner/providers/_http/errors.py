"""What can go wrong with a vendor's HTTP before there is a response to decode.

VendorHttpError
├── NoResponse          nothing came back, or not to its end
├── BadResponse         a response came that cannot be used
│   ├── TooLarge        its text or its pictures exceed a limit
│   └── UnreadableJson  its base64 is broken
└── UntrustedHost       the key would have gone to a host that must not see it
"""


class VendorHttpError(Exception):
    """`reason` completes a sentence; it never holds a secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoResponse(VendorHttpError):
    """The vendor did not respond, or not to the end. `reason` completes "the vendor did not answer: ...".

    `sent` is False when the vendor certainly did not get the request. Otherwise it may have done the work, and charge
    for it.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class BadResponse(VendorHttpError):
    """The vendor responded with something unusable. `reason` completes "the vendor's answer ..."."""


class TooLarge(BadResponse):
    """Text or pictures exceed a limit. The next response to the same request would do so too."""


class UnreadableJson(BadResponse):
    """A JSON response has broken base64."""


class UntrustedHost(VendorHttpError):
    """Nothing was sent. `reason` names the host."""
