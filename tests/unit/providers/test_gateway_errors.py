"""Which error answers come from a gateway or firewall instead of the vendor."""

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


@pytest.mark.parametrize("reason", ["first byte timeout", "between bytes timeout", "backend read error"])
def test_a_cdn_that_waited_in_vain_leaves_the_outcome_unknown(reason: str) -> None:
    assert kind(503, None, f"<html><title>503 {reason}</title></html>") is FailureKind.UNKNOWN_OUTCOME


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


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [None, "Forbidden", {"message": "Forbidden"}])
def test_a_firewall_s_refusal_is_transient_and_says_nothing_about_the_key(status: int, body: Any) -> None:
    failure = failure_from("A vendor", VendorResponse(status, {}, body, "<html>Attention required!</html>"))

    assert failure.kind is FailureKind.TRANSIENT
    assert "firewall or proxy" in failure.reason


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.AUTH),
        (403, FailureKind.AUTH),
        (404, FailureKind.MODEL_UNAVAILABLE),
        (410, FailureKind.MODEL_UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("body", [{"error": {"message": "no"}}, {"detail": "no"}])
def test_a_refusal_in_the_vendor_s_own_error_body_keeps_its_kind(status: int, kind: FailureKind, body: Any) -> None:
    failure = failure_from("A vendor", VendorResponse(status, {}, body, "{}"))

    assert failure.kind is kind
