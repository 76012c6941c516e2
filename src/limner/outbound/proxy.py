"""The operator's outbound proxy, as the variables HTTPS_PROXY and NO_PROXY of other programs name it."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # typeshed lacks it


@dataclass(frozen=True, slots=True)
class OutboundProxy:
    """`url` is the proxy's own address, with a user and password where it wants them; None is no proxy.

    `bypass` is a list of hosts, as NO_PROXY has it: `example.org` stands for all names under it too, `*` for all hosts.
    """

    url: str | None = field(default=None, repr=False)
    bypass: str = ""

    def for_request(self, url: str) -> str | None:
        """The proxy for a request to this URL. Only https goes through it: plain http is for servers close by."""
        parts = urlsplit(url)
        if self.url is None or parts.scheme != "https":
            return None
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
        return None if proxy_bypass_environment(host, {"no": self.bypass}) else self.url
