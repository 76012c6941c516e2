"""Which error statuses leave open whether the vendor did the work."""

from typing import Any

import pytest

from limner.domain.routing.failure import FailureKind
from limner.providers._http import VendorResponse, failure_from

PAGE = "<html><body>A timeout occurred. Error code 524</body></html>"
ENVOY = "upstream connect error or disconnect/reset before headers. reset reason: "


def kind(status: int, body: Any = None, text: str = "") -> FailureKind:
    return failure_from("A vendor", VendorResponse(status, {}, body, text)).kind


@pytest.mark.parametrize("status", [502, 504, 520, 522, 524, 527])
def test_a_gateway_that_gave_up_leaves_the_outcome_unknown(status: int) -> None:
    assert kind(status, None, PAGE) is FailureKind.UNKNOWN_OUTCOME


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (504, {"message": "Endpoint request timed out"}),
        (504, {"message": "The upstream server is timing out"}),
        (502, {"title": "Error 502: Bad gateway", "detail": "…", "status": 502, "cloudflare_error": True}),
        (524, {"title": "Error 524: A timeout occurred", "detail": "…", "status": 524, "cloudflare_error": True}),
    ],
)
def test_a_gateway_that_sends_json_is_a_gateway(status: int, body: Any) -> None:
    assert kind(status, body) is FailureKind.UNKNOWN_OUTCOME


@pytest.mark.parametrize("reason", ["connection termination", "remote reset", "protocol error"])
def test_a_connection_that_broke_behind_the_gateway_leaves_the_outcome_unknown(reason: str) -> None:
    assert kind(503, None, ENVOY + reason) is FailureKind.UNKNOWN_OUTCOME


@pytest.mark.parametrize("status", [521, 523, 525, 526])
def test_a_request_that_never_reached_the_vendor_may_be_sent_again(status: int) -> None:
    assert kind(status, None, PAGE) is FailureKind.TRANSIENT


@pytest.mark.parametrize("reason", ["connection failure", "connection timeout", "overflow"])
def test_a_gateway_without_a_connection_did_not_pass_the_request_on(reason: str) -> None:
    assert kind(503, None, ENVOY + reason) is FailureKind.TRANSIENT


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [{"error": {"message": "busy"}}, {"detail": "busy"}, {"error_type": "x", "detail": "y"}]
)
def test_an_error_of_the_vendors_own_says_that_the_work_was_not_done(status: int, body: Any) -> None:
    assert kind(status, body) is FailureKind.TRANSIENT
