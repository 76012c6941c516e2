import pytest

from limner.application import authenticate as module
from limner.application.accounts import MadeKey
from limner.application.authenticate import FRESH_MS, Authenticate
from limner.domain.refusal import Code, Refusal
from stores import House


@pytest.fixture
async def made(house: House) -> MadeKey:
    await house.accounts.create("ada", 100)
    return await house.accounts.create_key("ada", "first", ("read",))


@pytest.fixture
def authenticate(house: House) -> Authenticate:
    return Authenticate(house.store, house.clock, house.accounts.digest)


async def refused(authenticate: Authenticate, authorization: str | None, scope: str = "read") -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await authenticate(authorization, scope)
    return refusal.value


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_good_key_is_known(authenticate: Authenticate, made: MadeKey, scheme: str) -> None:
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
async def test_anything_else_is_not(authenticate: Authenticate, made: MadeKey, authorization: str | None) -> None:
    refusal = await refused(authenticate, authorization and authorization.format(secret=made.secret))

    assert refusal.code is Code.UNAUTHENTICATED
    assert made.secret not in f"{refusal.reason} {refusal.suggestion}"


async def test_a_key_may_do_what_its_scopes_say(authenticate: Authenticate, made: MadeKey) -> None:
    refusal = await refused(authenticate, f"Bearer {made.secret}", "generate")

    assert refusal.code is Code.FORBIDDEN
    assert "'generate'" in refusal.reason


async def test_a_revoked_key_stops_within_the_time_that_is_promised(
    authenticate: Authenticate, made: MadeKey, house: House
) -> None:
    await authenticate(f"Bearer {made.secret}", "read")
    await house.accounts.revoke_key(made.key.id)

    house.clock.ms += FRESH_MS - 1
    assert await authenticate(f"Bearer {made.secret}", "read") == made.key
    house.clock.ms += 1
    assert (await refused(authenticate, f"Bearer {made.secret}")).code is Code.UNAUTHENTICATED


async def test_a_key_revoked_before_its_first_use_never_works(
    authenticate: Authenticate, made: MadeKey, house: House
) -> None:
    await house.accounts.revoke_key(made.key.id)

    assert (await refused(authenticate, f"Bearer {made.secret}")).code is Code.UNAUTHENTICATED


async def test_a_known_key_is_not_looked_up_each_time(authenticate: Authenticate, made: MadeKey, house: House) -> None:
    await authenticate(f"Bearer {made.secret}", "read")
    await house.store.close()

    assert await authenticate(f"Bearer {made.secret}", "read") == made.key


async def test_guesses_are_not_remembered_and_memory_has_an_end(
    authenticate: Authenticate, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_MEMORY", 3)
    await house.accounts.create("ada")
    secrets = [(await house.accounts.create_key("ada", f"key {n}", ("read",))).secret for n in range(5)]
    for n in range(5):
        await refused(authenticate, f"Bearer tsk_guess-{n}")
    guessed = len(authenticate._known)
    for secret in secrets:
        await authenticate(f"Bearer {secret}", "read")

    assert guessed == 0
    assert len(authenticate._known) <= 3
