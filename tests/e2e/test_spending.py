"""What things cost, from the command line: quotes, budgets and the margin."""

from pathlib import Path

import pytest

from e2e.test_cli import Limner


@pytest.fixture(scope="module")
def limner(tmp_path_factory: pytest.TempPathFactory) -> Limner:
    """An account with a budget of one picture a day, which was made."""
    limner = Limner(tmp_path_factory.mktemp("spending") / "data")
    assert limner("accounts", "create", "local", "--credits", "1000").code == 0
    assert limner("accounts", "budget", "local", "--credits-per-day", "7", "--fallback", "never").code == 0
    made = limner("generate", "a cat", "-o", limner.data.parent / "cat.png")
    assert made.code == 0, made.err
    return limner


def test_a_quote_tells_price_route_and_prompt_and_spends_nothing(tmp_path: Path) -> None:
    limner = Limner(tmp_path / "data")
    ran = limner("generate", "a cat", "--quote", "-n", "2")
    data = limner("generate", "a cat", "--quote", "-n", "2", "--json").json

    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == [
        "Price",
        "Model",
        "Route",
        "Queue",
        "Prompt",
        "Prompt",
    ]
    assert ran.out.startswith("Price    10 credits")
    assert (data["price"], data["n"], data["problems"]) == (10, 2, [])
    assert limner("tasks", "list", "--json").json == []
    assert not list(tmp_path.glob("*.png"))


def test_a_quote_tells_all_that_is_wrong(tmp_path: Path) -> None:
    ran = Limner(tmp_path / "data")("generate", "", "--quote", "--model", "gpt_9")

    assert ran.code == 1
    assert "there is no model version 'gpt_9'" in ran.err
    assert "prompt is empty" in ran.err


def test_a_budget_is_shown_with_what_is_left(limner: Limner) -> None:
    shown = limner("accounts", "budget", "local")

    assert shown.out.splitlines()[:2] == ["This day: 5 credits of 7, 2 left", "This month: 5 credits"]
    assert limner("accounts", "budget", "local", "--json").json == {
        "account": "local",
        "limits": {"credits_per_day": 7, "credits_per_month": None, "max_vendor_usd": None, "fallback": "never"},
        "spent": {"day": 5, "month": 5},
    }


def test_what_is_beyond_the_budget_is_refused_and_quoted_so(limner: Limner) -> None:
    refused, quoted = [limner("generate", "a cat", *more) for more in ((), ("--quote",))]

    assert (refused.code, quoted.code) == (1, 1)
    assert all("the account may spend 2 more today" in each.err for each in (refused, quoted))
    assert len(limner("tasks", "list", "--json").json) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--credits-per-day", "-1"), "is no whole number and not 'none'"),
        (("--credits-per-month", "much"), "is no whole number and not 'none'"),
        (("--max-vendor-usd", "-0.5"), "'-0.5'"),
        (("--fallback", "perhaps"), "may be never, same_price, any or none"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(limner: Limner, arguments: tuple[str, ...], said: str) -> None:
    ran = limner("accounts", "budget", "local", *arguments)

    assert ran.code == 2
    assert said in " ".join(ran.err.split())
    assert limner("accounts", "budget", "local", "--json").json["limits"]["credits_per_day"] == 7


def test_an_account_that_does_not_exist_is_named_with_those_that_do(limner: Limner) -> None:
    ran = limner("accounts", "budget", "nobody")

    assert ran.code == 1
    assert "Accounts: local." in ran.err


def test_the_margin_is_the_worth_of_the_credits_less_what_was_paid(limner: Limner) -> None:
    priced = limner.with_(credit_usd="0.01")
    shown = priced("spend", "--margin")
    [row] = priced("spend", "--margin", "--by", "provider", "--json").json["margins"]

    assert shown.out.splitlines()[3].split()[:4] == ["flux.1_kontext_pro", "1", "5", "$0.05"]
    assert (row["name"], row["worth_usd"], row["cost_usd"], row["percent"]) == ("sandbox", 0.05, 0.0, 100.0)
