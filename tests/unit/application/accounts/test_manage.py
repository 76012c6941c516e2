import re

import pytest

from limner.application.accounts.manage import KEY_PREFIX, SCOPES, HashKey
from limner.domain.accounts.credits import Balance
from limner.domain.refusal import Code, Refusal
from stores import ServiceHarness


@pytest.mark.parametrize("name", ["a", "ada", "team-1", "a.b_c-d", "0", "a" * 63])
async def test_a_plain_name_is_a_name(service: ServiceHarness, name: str) -> None:
    assert (await service.accounts.create(name)).name == name


@pytest.mark.parametrize("name", ["", "Ada", "-a", ".a", "a b", "ä", "a/b", "a" * 64, "a\n"])
async def test_any_other_is_refused_before_anything_is_written(service: ServiceHarness, name: str) -> None:
    with pytest.raises(Refusal) as refused:
        await service.accounts.create(name)

    assert (refused.value.code, refused.value.field) == (Code.INVALID, "name")
    assert await service.query("SELECT id FROM accounts") == []


async def test_an_account_s_tag_tells_nobody_who_it_is(service: ServiceHarness) -> None:
    ada, eve = await service.accounts.create("ada"), await service.accounts.create("eve")

    assert ada.tag != eve.tag
    assert re.fullmatch(r"tcli_[0-9a-f]{32}", ada.tag)
    assert ada.id not in ada.tag


async def test_an_account_cannot_begin_in_debt(service: ServiceHarness) -> None:
    with pytest.raises(Refusal):
        await service.accounts.create("ada", -5)

    assert await service.query("SELECT id FROM accounts") == []


async def test_a_key_has_the_prefix_that_clients_look_for_and_is_never_the_same(service: ServiceHarness) -> None:
    await service.accounts.create("ada")

    secrets = {(await service.accounts.create_key("ada", "k", ("read",))).secret for _ in range(5)}

    assert len(secrets) == 5
    assert all(re.fullmatch(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}", secret) for secret in secrets)


async def test_the_hint_of_a_key_is_a_small_part_of_it(service: ServiceHarness) -> None:
    await service.accounts.create("ada")
    made = await service.accounts.create_key("ada", "k", SCOPES)

    assert made.secret.startswith(made.key.hint)
    assert len(made.key.hint) <= 8


@pytest.mark.parametrize(("scopes", "words"), [((), "at least one scope"), (("read", "fly"), "no scope 'fly'")])
async def test_a_key_needs_scopes_that_exist(service: ServiceHarness, scopes: tuple[str, ...], words: str) -> None:
    await service.accounts.create("ada")

    with pytest.raises(Refusal, match=words) as refused:
        await service.accounts.create_key("ada", "k", scopes)

    assert refused.value.field == "scope"
    assert all(scope in refused.value.suggestion for scope in SCOPES)


async def test_an_unknown_account_is_refused_with_the_known_ones(service: ServiceHarness) -> None:
    await service.accounts.create("ada")

    with pytest.raises(Refusal, match="no account 'eve'") as refused:
        await service.accounts.grant("eve", 5, None)

    assert "ada" in refused.value.suggestion


async def test_where_there_is_no_account_yet_that_is_said(service: ServiceHarness) -> None:
    with pytest.raises(Refusal) as refused:
        await service.accounts.create_key("ada", "k", ("read",))

    assert "none yet" in refused.value.suggestion


async def test_a_grant_of_nothing_is_a_mistake(service: ServiceHarness) -> None:
    await service.accounts.create("ada", 5)

    with pytest.raises(Refusal):
        await service.accounts.grant("ada", 0, None)


async def test_a_grant_tells_the_balance_afterwards_with_what_is_held(service: ServiceHarness) -> None:
    key = await service.open_account(opening=10)
    await service.submit_task(key)

    assert await service.accounts.grant("ada", 7, None) == Balance(12, 5)


async def test_what_is_held_for_tasks_cannot_be_taken_back(service: ServiceHarness) -> None:
    key = await service.open_account(opening=10)
    await service.submit_task(key)

    with pytest.raises(Refusal, match="has 5 to spend"):
        await service.accounts.grant("ada", -6, None)


def test_a_digest_needs_the_pepper_and_the_whole_key() -> None:
    one, other = HashKey(b"one"), HashKey(b"other")

    assert one("tsk_a") == one("tsk_a")
    assert len({one("tsk_a"), other("tsk_a"), one("tsk_b")}) == 3
    assert len(one("tsk_a")) == 32
