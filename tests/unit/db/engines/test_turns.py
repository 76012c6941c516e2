from limner.db.engines.turns import LARGEST, BatchOfTurns, Turns


def waiting(**lines: int) -> Turns[str]:
    turns: Turns[str] = Turns()
    for account, units in lines.items():
        for number in range(units):
            turns.add(account, f"{account}{number}")
    return turns


def batch(turns: Turns[str]) -> list[str]:
    units, taken = BatchOfTurns(turns), []
    while unit := units.take():
        taken.append(unit)
    return taken


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
    units = BatchOfTurns(turns)
    taken = [units.take() for _ in range(10)]
    turns.add("quiet", "quiet0")

    while unit := units.take():
        taken.append(unit)

    assert taken[10:] == ["loud10", "quiet0"]
