"""Every row of the table of failures, provoked at the vendor's emulator and met by the adapter."""

import socket
from collections import Counter
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import pytest

from integration.providers.order_runner import OrderResult, SteppingClock, order, run_order
from limner.application.generation.keep_image import failure_of
from limner.bootstrap import PICTURE_LIMITS
from limner.domain.refusal import Refusal
from limner.domain.routing.failure import Failure, FailureKind
from limner.intake.image_intake import ImageIntake
from limner.ports.provider import Delivered, Provider, VendorAccount
from limner.providers import bfl, fal
from limner.providers.declarations import declarations
from limner.providers.gemini import answer as gemini
from limner.providers.midjourney import answer as midjourney
from limner.providers.midjourney.fail_reasons import FAIL_REASONS
from limner.providers.openai import refusals as openai
from limner.routes import routes_of
from limner.settings import Settings
from limner_vendors import EmulatedSpeed, Vendors
from limner_vendors.engines import Sglang, Vllm
from limner_vendors.failures import FAILURES, SECTIONS, FailureCase

A_LONG_TIME = SteppingClock(step_s=100.0)
MODELS = {
    "azure": "gpt-image-2",
    "sglang": Sglang.served,
    "vllm": Vllm.served,
    "gemini": "gemini-3.1-flash-image",
}
"""The upstream model of a vendor's rows, where it is not that of its first route."""


def open_provider(vendor: str, account: VendorAccount) -> Provider:
    adapter = declarations()[SECTIONS[vendor].adapter]
    module = import_module(f"limner.providers.{adapter.name}")
    provider: Provider = getattr(module, adapter.provider)(account, A_LONG_TIME)
    return provider


SHIPPED = routes_of(Settings(), frozenset(declarations()))
FIRST = {route.provider: route.upstream for routes in reversed(SHIPPED.values()) for route in reversed(routes)}


def model_of(vendor: str) -> str:
    return MODELS.get(vendor) or FIRST[vendor]


@pytest.fixture(scope="module")
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors.running(speed=EmulatedSpeed(pending=0)) as vendors:
        yield vendors
        assert vendors.violations() == []


def is_of_key(row: FailureCase) -> bool:
    """Whether the vendor itself says that a key is wrong, or that no key works from here: on all its routes."""
    said = ("401", "API_KEY_INVALID", "about the location")
    return any(sign in row.says for sign in said) and "firewall" not in row.says


def named(row: FailureCase) -> str:
    return f"{row.vendor}: {row.says}"


@pytest.mark.parametrize("row", FAILURES, ids=named)
async def test_every_row_of_the_table_has_its_failure(vendors: Vendors, tmp_path: Path, row: FailureCase) -> None:
    emulator = SECTIONS[row.vendor].emulator
    bought = len(vendors.purchases(emulator))
    vendors.faults(emulator).clear()
    if row.fault:
        vendors.faults(emulator).add(row.fault)

    failure = await met(vendors, row, tmp_path)

    charged = [each for each in vendors.purchases(emulator)[bought:] if each.charged]
    expected = Failure(
        row.kind,
        failure.reason,
        charged=row.charged is True,
        retry_after_s=row.wait_s,
        detail=failure.detail,
        stage=row.stage,
        repeatable=row.repeatable,
        of_key=is_of_key(row),
    )
    assert failure == expected
    assert row.detail in str(failure.detail)
    assert failure.reason
    assert row.charged is None or bool(charged) is row.charged or not SECTIONS[row.vendor].is_billed


async def met(vendors: Vendors, row: FailureCase, workdir: Path) -> Failure:
    """What becomes of an order: the adapter's failure, or that of whoever opens the picture it brought."""
    section = SECTIONS[row.vendor]
    url = nobody() if row.unreachable else address(vendors, row.vendor)
    options = {**own_options(vendors, row.vendor), **section.account, **row.account}
    provider = open_provider(row.vendor, VendorAccount(url, vendors.key(section.emulator), options))
    upstream = row.upstream or model_of(row.vendor)
    asked = order(workdir, upstream, deadline_s=row.deadline_s, options=row.options)
    followed = await run_order(provider, asked)
    await provider.close()
    return await judged(followed, charged=section.is_billed)


async def judged(followed: OrderResult, *, charged: bool) -> Failure:
    if isinstance(followed.end, Delivered):
        intake = ImageIntake(limits=PICTURE_LIMITS)
        try:
            await intake.inspect(followed.end.picture.source)
        except Refusal as refusal:
            return failure_of(refusal, charged=charged)
    assert isinstance(followed.end, Failure), followed.end
    return followed.end


def address(vendors: Vendors, vendor: str) -> str:
    url = vendors.base_url(SECTIONS[vendor].emulator)
    return url.removesuffix("/v1") if vendor == "azure" else url


def own_options(vendors: Vendors, vendor: str) -> dict[str, object]:
    hosts = vendors.emulator("bfl").environment()["BFL_POLLING_HOSTS"]
    return {"polling_hosts": [hosts]} if vendor == "bfl" else {}


def nobody() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


async def test_a_gif_is_named_as_the_vendors_picture(vendors: Vendors, tmp_path: Path) -> None:
    row = next(each for each in FAILURES if each.vendor == "fal" and each.says == "a GIF for a picture")
    assert row.fault is not None
    vendors.faults("fal").clear()
    vendors.faults("fal").add(row.fault)

    failure = await met(vendors, row, tmp_path)

    assert failure.reason == "The file is a GIF, which is not accepted as a vendor's picture."


# --- the table is whole -----------------------------------------------------------------------------------------------


def test_no_failure_stands_in_the_table_twice() -> None:
    counts = Counter(map(named, FAILURES))

    assert [name for name, count in counts.items() if count > 1] == []


def test_every_vendor_has_its_rows() -> None:
    assert {row.vendor for row in FAILURES} == SECTIONS.keys()


def test_every_kind_that_a_vendor_can_end_in_has_its_rows() -> None:
    ours = {FailureKind.TIMEOUT}  # of a call that costs nothing

    assert {row.kind for row in FAILURES} == set(FailureKind) - ours


@pytest.mark.parametrize(
    ("vendor", "words"),
    [
        ("openai", openai.POLICY_CODES - {"contentFilter", "content_filter", "ResponsibleAIPolicyViolation"}),
        ("azure", {"contentFilter", "content_filter", "ResponsibleAIPolicyViolation"}),
        ("openai", openai.QUOTA_CODES),
        ("gemini", gemini.POLICY_BLOCK_REASONS),
        ("gemini", gemini.FINISH_REASONS.keys()),
        ("fal", fal._KINDS.keys()),
        ("bfl", bfl._REFUSED.keys()),
        ("midjourney", {f"code {code}" for code in midjourney.CODES}),
        ("midjourney", {words for words, verdict in FAIL_REASONS.items() if verdict.kind}),
    ],
)
def test_every_word_that_an_adapter_knows_is_provoked(vendor: str, words: set[str]) -> None:
    reported = " ".join(row.says for row in FAILURES if row.vendor == vendor)

    assert words
    assert [word for word in words if word not in reported] == []
