"""Authenticates requests and applies scopes and rate limits of keys and accounts."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from limner.api.http.rate_limits import RateStanding, RequestRate
from limner.application.accounts.authenticate import Authenticate
from limner.db.tables.keys import Key
from limner.domain.network.proxies import TrustedProxies, client_network
from limner.ports.acting_account import act_for
from limner.ports.clock import Clock

STANDINGS = "limner.standings"
"""Key in the ASGI scope: the rate limits checked so far, for the RateLimit headers of the response."""

_CALLER = "limner.caller"


@dataclass(frozen=True, slots=True)
class Authentication:
    authenticate: Authenticate
    key_rate: RequestRate
    """Applies only to keys with a limit of their own."""
    proxies: TrustedProxies
    clock: Clock

    async def authorize(
        self, request: Request, scope: str, rate: RequestRate | None, authorization: str | None
    ) -> None:
        """Authenticate, check scope and rate limits, or raise `Refusal`. `rate` limits the account on this route."""
        self.act_as(request, await self.find_key(request, authorization, scope), rate)

    def act_as(self, request: Request, key: Key, rate: RequestRate | None) -> None:
        """Make the request one of this key, which was authenticated before, if the rate limits have room."""
        now_ms, own = self.clock.now_ms(), key.allowance.per_second
        if own is not None:
            _count(request, self.key_rate.take(key.id, now_ms, own))
        if rate is not None:
            _count(request, rate.take(key.account, now_ms))
        request.scope[_CALLER] = key
        act_for(key.account)

    def charged_to(self, connection: HTTPConnection) -> str:
        """Whom a request is charged to until it is authenticated: the account of its key, where that was seen lately.

        Others are charged to the network of their client, so that requests without a key, and with wrong ones, make
        nobody wait but each other.
        """
        known = self.authenticate.known_account(connection.headers.get("authorization"))
        return known or f"client {self._address(connection) or 'local'}"

    async def find_key(self, connection: HTTPConnection, authorization: str | None, scope: str) -> Key:
        """The key of the request, to whose account it is charged from now on.

        Raises `Refusal` without a valid key that has `scope`.
        """
        key = await self.authenticate(authorization, scope, self._address(connection))
        act_for(key.account)
        return key

    def _address(self, connection: HTTPConnection) -> str | None:
        """The client network under which wrong keys are counted.

        None for loopback: an unlisted local proxy would pool all clients.
        """
        peer = connection.client.host if connection.client else None
        address = self.proxies.client(peer, connection.headers.getlist("x-forwarded-for"))
        return None if address is None or address.is_loopback else client_network(address)


def authorization_of(request: Request) -> str | None:
    """The Authorization header."""
    return request.headers.get("authorization")


def caller(request: Request) -> Key:
    """The key of a request that passed `authorize`."""
    key: Key = request.scope[_CALLER]
    return key


def account_of(scope: Scope) -> str | None:
    """The account of a request, None for one that did not pass `authorize`."""
    key: Key | None = scope.get(_CALLER)
    return key.account if key else None


def _count(request: Request, standing: RateStanding) -> None:
    request.scope[STANDINGS].append(standing)
    standing.check()
