"""The account on whose behalf something is done: shared resources are charged to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar

_account: ContextVar[str] = ContextVar("limner_account", default="")


def act_for(account: str) -> None:
    """Charge shared resources to `account` for the rest of the current asyncio task and the tasks that it creates."""
    _account.set(account)


@contextmanager
def acting_for(account: str) -> Iterator[None]:
    """Charge shared resources to `account` within the block."""
    token = _account.set(account)
    try:
        yield
    finally:
        _account.reset(token)


def current_account() -> str:
    """The account that shared resources are charged to; empty outside of requests and tasks, as in commands."""
    return _account.get()


def account_in(context: Context | None) -> str:
    """The account of a context, as `current_account` gives it for the current one (None)."""
    return _account.get() if context is None else context.get(_account, "")


def shared_work() -> Context:
    """A context without an account, for callbacks that work for several: none may wait for the turn of another."""
    return Context()
