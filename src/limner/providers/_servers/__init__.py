"""One provider over several servers of the operator's, all alike: which gets a request, and which are left alone."""

from limner.providers._servers.pool import PoolFacts, ServerPool, open_pool

__all__ = ["PoolFacts", "ServerPool", "open_pool"]
