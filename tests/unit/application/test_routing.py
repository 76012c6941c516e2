from limner.application.routing import Routing
from limner.domain.route import UnknownOutcome
from limner.providers.sandbox import SandboxProvider


def test_a_model_is_served_by_the_stand_in_under_its_own_name() -> None:
    provider = SandboxProvider()
    routing = Routing({"sandbox": provider}, "sandbox", 60.0, UnknownOutcome.FAIL_AND_REFUND)

    route = routing.route("gpt_image_2")

    assert (route.name, route.provider, route.upstream) == ("sandbox/gpt_image_2", "sandbox", "gpt_image_2")
    assert (route.deadline_s, route.unknown_outcome) == (60.0, UnknownOutcome.FAIL_AND_REFUND)
    assert routing.provider(route) is provider
