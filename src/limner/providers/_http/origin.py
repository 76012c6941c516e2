"""Which hosts may get a vendor's key, and which a delivery may come from. The URL that is checked is the one used."""

from dataclasses import dataclass
from ipaddress import ip_address

from yarl import URL

from limner.domain.network.ip_address import is_public
from limner.ports.provider import Allows, allows_none
from limner.providers._http.errors import BadResponse, UntrustedHost


@dataclass(frozen=True, slots=True)
class Origin:
    """An account's base URL, and the further hosts (with all names under them) that may see its key over https.

    Where the base URL itself is plain http, so may they be, each by its exact name. `allows` is the operator's list of
    hosts that a delivery may come from although they are not public; it says nothing about keys.
    """

    base: URL
    key_hosts: tuple[str, ...] = ()
    allows: Allows = allows_none

    def keyed(self, url: str) -> URL:
        """The URL of a request that carries the key. Raises `UntrustedHost`."""
        if "://" not in url.partition("?")[0]:
            return _exact(f"{str(self.base).rstrip('/')}/{url.lstrip('/')}")
        target = _exact(url)
        if not _anonymous(target) or not self._may_see_the_key(target):
            raise UntrustedHost(f"the key is not for {target.scheme}://{target.host}; list the host in the key hosts")
        return target

    def delivery(self, url: str) -> URL:
        """The URL to fetch a delivery from, without the key. Raises `BadResponse`; dialling checks the address."""
        try:
            target = _exact(url)
        except UntrustedHost as error:
            raise BadResponse("names a delivery address that cannot be used") from error
        plain = target.scheme == "http" and self.is_listed(target)
        if not (plain or target.scheme in {"https", self.base.scheme}) or not target.raw_host or not _anonymous(target):
            raise BadResponse("names a delivery address that is not a plain https address")
        return target

    def is_listed(self, delivery: URL) -> bool:
        """Whether the operator lists the host by its name, or by the address that stands in its place."""
        host = _name(delivery)
        try:
            address = ip_address(host)
        except ValueError:
            return self.allows(host, None, delivery.port or 0)
        return self.allows(host, address, delivery.port or 0)

    def is_refused(self, address: str, port: int) -> bool:
        """Whether an address that a name resolved to is neither public nor listed."""
        return is_private_address(address) and not self.allows("", ip_address(address), port)

    def check_literal_address(self, delivery: URL) -> None:
        """Refuse an IP address that is not public. A name is resolved by the proxy, whose rules hold for it.

        Raises `BadResponse`.
        """
        try:
            address = ip_address(_name(delivery))
        except ValueError:
            return
        if self.is_refused(str(address), delivery.port or 0):
            raise BadResponse("names a delivery address that is not public")

    def _may_see_the_key(self, target: URL) -> bool:
        if target.origin() == self.base.origin():
            return True
        host = _name(target)
        if target.scheme == "http":
            named = {_name(self.base), *(each.strip(".").lower() for each in self.key_hosts)}
            return self.base.scheme == "http" and host in named
        return target.scheme == "https" and any(_under(host, each) for each in self.key_hosts)


def is_private_address(address: str) -> bool:
    """Whether an address that a name resolved to is not on the public internet."""
    return not is_public(ip_address(address))


def _exact(url: str) -> URL:
    """Byte for byte where possible: re-quoting can break the signature of a signed URL."""
    try:
        parsed = URL(url)
        exact = URL(url, encoded=url.isascii() and url.isprintable() and " " not in url)
        usable = bool(parsed.absolute and parsed.raw_host and parsed.port)
    except (ValueError, TypeError) as error:
        raise UntrustedHost("the vendor's address cannot be read as a URL") from error
    if not usable:
        raise UntrustedHost("the vendor's address cannot be read as a URL")
    same = (exact.scheme, exact.raw_host, exact.port) == (parsed.scheme, parsed.raw_host, parsed.port)
    return exact if same else parsed


def _anonymous(url: URL) -> bool:
    return url.user is None and url.password is None


def _name(url: URL) -> str:
    return (url.raw_host or "").rstrip(".").lower()


def _under(host: str, suffix: str) -> bool:
    suffix = suffix.strip(".").lower()
    return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))
