"""`GET /v1/weather`: the route statistics for callers."""

from contract.client import Client, newcomer
from serving import Served


def test_any_key_that_reads_sees_the_weather_of_every_route(served: Served, client: Client) -> None:
    client.done()
    routes = newcomer(served, scopes=("read",)).get("/v1/weather").data["routes"]
    found = {each["route"]: each for each in routes}["sandbox/flux.1_kontext_pro"]

    assert found.keys() == {
        "route", "provider", "models", "condition", "until_ms", "outlook", "hour", "day",
    }  # fmt: skip
    assert (found["provider"], found["models"], found["condition"]) == ("sandbox", ["flux.1_kontext_pro"], "open")
    assert found["day"].keys() == {"p50_s", "p95_s", "picture_share", "failure_shares"}


def test_the_weather_needs_a_key_that_reads(idle: Served) -> None:
    assert Client(idle.url).get("/v1/weather").refusal == (401, 1002)
    assert newcomer(idle, scopes=("generate",)).get("/v1/weather").refusal == (403, 1005)


def test_an_operator_rests_and_wakes_a_route_on_the_command_line(idle: Served) -> None:
    route = "sandbox/midjourney"
    rested = idle.cli("providers", "rest", route, "--minutes", "5", "--reason", "a test")
    listed = {each["state"]["route"]: each["state"]["condition"] for each in idle.cli("providers", "weather")}
    woken = idle.cli("providers", "wake", route)
    refused = idle.cli("providers", "rest", "nowhere/at-all", check=False)

    assert (rested["condition"], rested["reason"]) == ("rested", "a test")
    assert listed[route] == "rested"
    assert woken["condition"] == "open"
    assert "sandbox/midjourney" in refused["error"]["suggestion"]
