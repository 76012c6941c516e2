import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from limner.application.accounts import key_cache
from limner.application.accounts.authenticate import GUESSES, USE_PRECISION_MS, Authenticate
from limner.application.accounts.key_cache import CACHE_MS
from limner.application.accounts.manage import CreatedKey
from limner.domain.refusal import Code, Refusal
from stores import ServiceHarness


@pytest.fixture
async def made(service: ServiceHarness) -> CreatedKey:
    await service.accounts.create("ada", 100)
    return await service.accounts.create_key("ada", "first", ("read",))


@pytest.fixture
def authenticate(service: ServiceHarness) -> Authenticate:
    return Authenticate(service.store, service.clock, service.accounts.digest)


async def refused(authenticate: Authenticate, authorization: str | None, scope: str = "read") -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await authenticate(authorization, scope)
    return refusal.value


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_good_key_is_known(authenticate: Authenticate, made: CreatedKey, scheme: str) -> None:
    assert await authenticate(f"{scheme} {made.secret}", "read") == made.key


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic {secret}",
        "{secret}",
        "Bearer {secret}x",
        "Bearer  {secret}",
        "Bearer tsk_",
    ],
)
async def test_anything_else_is_not(authenticate: Authenticate, made: CreatedKey, authorization: str | None) -> None:
    refusal = await refused(authenticate, authorization and authorization.format(secret=made.secret))

    assert refusal.code is Code.UNAUTHENTICATED
    assert made.secret not in f"{refusal.reason} {refusal.suggestion}"


async def test_a_key_may_do_what_its_scopes_say(authenticate: Authenticate, made: CreatedKey) -> None:
    refusal = await refused(authenticate, f"Bearer {made.secret}", "generate")

    assert refusal.code is Code.FORBIDDEN
    assert "'generate'" in refusal.reason


async def test_a_revoked_key_stops_within_the_time_that_is_promised(
    authenticate: Authenticate, made: CreatedKey, service: ServiceHarness
) -> None:
    await authenticate(f"Bearer {made.secret}", "read")
    await service.accounts.revoke_key(made.key.id)

    service.clock.ms += CACHE_MS - 1
    assert await authenticate(f"Bearer {made.secret}", "read") == made.key
    service.clock.ms += 1
    assert (await refused(authenticate, f"Bearer {made.secret}")).code is Code.UNAUTHENTICATED


async def test_a_key_revoked_before_its_first_use_never_works(
    authenticate: Authenticate, made: CreatedKey, service: ServiceHarness
) -> None:
    await service.accounts.revoke_key(made.key.id)

    assert (await refused(authenticate, f"Bearer {made.secret}")).code is Code.UNAUTHENTICATED


async def test_a_known_key_is_not_looked_up_each_time(
    authenticate: Authenticate, made: CreatedKey, service: ServiceHarness
) -> None:
    await authenticate(f"Bearer {made.secret}", "read")
    await service.store.close()

    assert await authenticate(f"Bearer {made.secret}", "read") == made.key


async def test_guesses_are_not_remembered_and_memory_has_an_end(
    authenticate: Authenticate, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_cache, "MAX_CACHED_KEYS", 3)
    await service.accounts.create("ada")
    secrets = [(await service.accounts.create_key("ada", f"key {n}", ("read",))).secret for n in range(5)]
    for n in range(5):
        await refused(authenticate, f"Bearer tsk_guess-{n}")
    guessed = len(authenticate._cached)
    for secret in secrets:
        await authenticate(f"Bearer {secret}", "read")

    assert guessed == 0
    assert len(authenticate._cached) == 3


async def test_a_key_ends_when_it_was_said_to_though_it_is_remembered(
    authenticate: Authenticate, service: ServiceHarness
) -> None:
    await service.accounts.create("ada")
    made = await service.accounts.create_key("ada", "short", ("read",), expires_ms=service.clock.ms + 500)
    await authenticate(f"Bearer {made.secret}", "read")
    service.clock.ms += 500

    assert (await refused(authenticate, f"Bearer {made.secret}")).code is Code.UNAUTHENTICATED


async def last_used(service: ServiceHarness, made: CreatedKey) -> int | None:
    key = await service.store.read(lambda records: records.keys.get(made.key.id))
    assert key
    return key.used_ms


async def test_the_last_use_of_a_key_is_noted_now_and_then(
    authenticate: Authenticate, made: CreatedKey, service: ServiceHarness
) -> None:
    began_ms, noted = service.clock.ms, []
    for pause_ms in (0, CACHE_MS, USE_PRECISION_MS - CACHE_MS - 1, CACHE_MS):
        service.clock.ms += pause_ms
        await authenticate(f"Bearer {made.secret}", "read")
        await asyncio.gather(*authenticate._writing)
        noted.append(await last_used(service, made))

    assert noted == [began_ms, began_ms, began_ms, began_ms + USE_PRECISION_MS + CACHE_MS - 1]


async def test_a_note_that_cannot_be_kept_keeps_nobody_out(
    authenticate: Authenticate, made: CreatedKey, service: ServiceHarness, logged: list[MutableMapping[str, Any]]
) -> None:
    await service.execute_sql(
        "CREATE TRIGGER full BEFORE UPDATE ON api_keys BEGIN SELECT raise(ABORT, 'disk full'); END"
    )

    assert await authenticate(f"Bearer {made.secret}", "read") == made.key
    await asyncio.gather(*authenticate._writing, return_exceptions=True)
    assert ["disk full" in entry["error"] for entry in logged] == [True]


async def guess(authenticate: Authenticate, address: str | None, times: int) -> list[Code]:
    codes = []
    for n in range(times):
        with pytest.raises(Refusal) as refusal:
            await authenticate(f"Bearer tsk_guess-{n}", "read", address)
        codes.append(refusal.value.code)
    return codes


async def test_an_address_that_guesses_is_slowed_down_and_reported_for_how_long(
    authenticate: Authenticate, service: ServiceHarness
) -> None:
    codes = await guess(authenticate, "203.0.113.9", GUESSES.amount + 3)
    with pytest.raises(Refusal) as refusal:
        await authenticate("Bearer tsk_one-more", "read", "203.0.113.9")
    service.clock.ms += (refusal.value.retry_after_s or 0) * 1000
    later = await guess(authenticate, "203.0.113.9", 2)

    assert codes == [Code.UNAUTHENTICATED] * GUESSES.amount + [Code.RATE_LIMITED] * 3
    assert later == [Code.UNAUTHENTICATED, Code.RATE_LIMITED]


async def test_beyond_its_guesses_an_address_learns_nothing_about_a_key(
    authenticate: Authenticate, made: CreatedKey
) -> None:
    await guess(authenticate, "203.0.113.9", GUESSES.amount)
    with pytest.raises(Refusal) as refusal:
        await authenticate(f"Bearer {made.secret}", "read", "203.0.113.9")

    assert refusal.value.code is Code.RATE_LIMITED


async def test_who_was_good_before_is_let_in_from_the_same_address(
    authenticate: Authenticate, made: CreatedKey, service: ServiceHarness
) -> None:
    await authenticate(f"Bearer {made.secret}", "read", "203.0.113.9")
    await guess(authenticate, "203.0.113.9", GUESSES.amount)
    service.clock.ms += CACHE_MS

    assert await authenticate(f"Bearer {made.secret}", "read", "203.0.113.9")


async def test_one_who_guesses_keeps_no_other_address_out(authenticate: Authenticate, made: CreatedKey) -> None:
    await guess(authenticate, "203.0.113.9", GUESSES.amount + 1)

    assert await authenticate(f"Bearer {made.secret}", "read", "203.0.113.8") == made.key


async def test_without_an_address_nothing_is_counted(authenticate: Authenticate) -> None:
    assert set(await guess(authenticate, None, GUESSES.amount + 5)) == {Code.UNAUTHENTICATED}


async def test_a_call_without_a_key_is_no_guess(authenticate: Authenticate) -> None:
    for _ in range(GUESSES.amount + 5):
        with pytest.raises(Refusal):
            await authenticate(None, "read", "203.0.113.9")

    assert await guess(authenticate, "203.0.113.9", 1) == [Code.UNAUTHENTICATED]


async def test_the_account_of_a_key_is_known_as_long_as_the_key_is_cached(
    authenticate: Authenticate, made: CreatedKey, service: ServiceHarness
) -> None:
    authorization = f"Bearer {made.secret}"
    before = authenticate.known_account(authorization)
    await authenticate(authorization, "read")
    known = [authenticate.known_account(each) for each in (authorization, f"{authorization}x", None)]
    service.clock.ms += CACHE_MS

    assert before == ""
    assert known == [made.key.account, "", ""]
    assert authenticate.known_account(authorization) == ""
