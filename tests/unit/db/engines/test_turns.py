from collections.abc import Collection, Iterator

from limner.db.engines.turns import LARGEST, BatchOfOneAccount, BatchRule, Turns


def waiting(**lines: int) -> Turns[str]:
    turns: Turns[str] = Turns()
    for account, units in lines.items():
        for number in range(units):
            turns.add(account, f"{account}{number}")
    return turns


def taken_by(rule: BatchRule, turns: Turns[str], busy: Collection[str] = ()) -> Iterator[str]:
    while (account := rule.next_account(turns, busy)) is not None:
        yield turns.take(account)


def batch(turns: Turns[str], busy: Collection[str] = ()) -> list[str]:
    return list(taken_by(BatchRule(), turns, busy))


def test_one_account_fills_a_batch() -> None:
    assert len(batch(waiting(loud=100))) == LARGEST


def test_a_batch_ends_with_the_last_unit_of_an_account_that_has_few() -> None:
    turns = waiting(loud=100, quiet=1)

    assert batch(turns) == ["loud0", "quiet0"]


def test_accounts_with_one_unit_each_share_a_batch() -> None:
    assert batch(waiting(ada=1, bob=1, eve=1)) == ["ada0", "bob0", "eve0"]


def test_accounts_with_many_share_a_large_batch() -> None:
    taken = batch(waiting(loud=100, noisy=100))

    assert len(taken) == LARGEST
    assert taken[:4] == ["loud0", "noisy0", "loud1", "noisy1"]


def test_what_arrives_while_a_batch_runs_is_taken_into_it_and_ends_it() -> None:
    turns = waiting(loud=100)
    units = taken_by(BatchRule(), turns)
    taken = [next(units) for _ in range(10)]
    turns.add("quiet", "quiet0")

    taken += units

    assert taken[10:] == ["loud10", "quiet0"]


def test_an_account_whose_unit_runs_elsewhere_waits_for_its_turn() -> None:
    turns = waiting(loud=3, quiet=2)

    assert batch(turns, busy={"loud"}) == ["quiet0", "quiet1"]
    assert batch(turns) == ["loud0", "loud1", "loud2"]


def test_a_batch_of_one_account_ends_before_the_unit_of_another() -> None:
    turns = waiting(ada=1, loud=3)

    assert list(taken_by(BatchOfOneAccount(), turns)) == ["ada0"]
    assert list(taken_by(BatchOfOneAccount(), turns)) == ["loud0", "loud1", "loud2"]
