"""Who is let in: the one place where keys, their scopes and their quotas are looked at."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request

from limner.api.http.rate_limits import RateStanding, RequestRate
from limner.application.accounts.authenticate import Authenticate
from limner.db.tables.keys import Key
from limner.domain.network.proxies import TrustedProxies, client_network
from limner.ports.clock import Clock

STANDINGS = "limner.standings"
"""Where in a request's scope the quotas lie that were looked at, for the fields of the answer."""

_CALLER = "limner.caller"


@dataclass(frozen=True, slots=True)
class Authentication:
    authenticate: Authenticate
    key_pace: RequestRate
    """For keys with a limit of their own; the others have none."""
    proxies: TrustedProxies
    clock: Clock

    async def enter(self, request: Request, scope: str, pace: RequestRate | None) -> None:
        """Let a request in, or raise `Refusal`. `pace` is the account's for this kind of request."""
        key = await self.admit(request, request.headers.get("authorization"), scope)
        now_ms, own = self.clock.now_ms(), key.allowance.per_second
        if own is not None:
            _count(request, self.key_pace.take(key.id, now_ms, own))
        if pace is not None:
            _count(request, pace.take(key.account, now_ms))
        request.scope[_CALLER] = key

    async def admit(self, connection: HTTPConnection, authorization: str | None, scope: str) -> Key:
        """Whose key it is; refused without one that has this scope."""
        return await self.authenticate(authorization, scope, self._address(connection))

    def _address(self, connection: HTTPConnection) -> str | None:
        """Whose wrong keys are counted together.

        Nobody's at this machine itself: from here a proxy may speak that we were not told of, for everybody.
        """
        peer = connection.client.host if connection.client else None
        address = self.proxies.client(peer, connection.headers.getlist("x-forwarded-for"))
        return None if address is None or address.is_loopback else client_network(address)


def caller(request: Request) -> Key:
    """The key of a request that the gate has let in."""
    key: Key = request.scope[_CALLER]
    return key


def _count(request: Request, standing: RateStanding) -> None:
    request.scope[STANDINGS].append(standing)
    standing.check()
