import pytest

from limner.telemetry.trace_context import LONGEST_STATE, SpanPosition, position_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_the_headers_of_a_span_are_read_back() -> None:
    at = SpanPosition(TRACE, SPAN, sampled=True, state="shop=7")

    assert at.headers() == {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "shop=7"}
    assert position_of(at.headers()) == SpanPosition(TRACE, SPAN, sampled=True, state="shop=7", is_remote=True)


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # other flags are not ours to judge
        (f" 00-{TRACE}-{SPAN}-01\t", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-later-versions-add", True),
    ],
)
def test_a_traceparent_of_this_and_later_versions_is_read(header: str, *, sampled: bool) -> None:
    found = position_of({"traceparent": header})

    assert found == SpanPosition(TRACE, SPAN, sampled=sampled, is_remote=True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-0-0-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 500}",
        "x" * 4000,
    ],
)
def test_what_is_no_traceparent_is_none(header: str) -> None:
    assert position_of({"traceparent": header}) is None


def test_a_long_tracestate_is_dropped() -> None:
    found = position_of({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "x" * (LONGEST_STATE + 1)})

    assert found == SpanPosition(TRACE, SPAN, sampled=True, is_remote=True)
