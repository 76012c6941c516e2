from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from limner.domain.tasks.task import Status
from limner.domain.webhook import (
    EVENT_OF_STATUS,
    FINAL_EVENTS,
    FINAL_TTL_S,
    MAX_RETRY_AFTER_S,
    RETRY_DELAYS_S,
    SELECTABLE_EVENTS,
    EventType,
    delivery_id,
    is_delivery_id,
    retry_delay_s,
    secret_text,
    signature,
    ttl_ms,
)

SECRET = bytes(range(32))
ID = delivery_id("0f" * 16)


def signed(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    moment_s = int(datetime.now(UTC).timestamp())
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(moment_s),
        "webhook-signature": signature(secret, ID, moment_s, body),
    }


def test_every_end_of_a_task_is_an_event() -> None:
    assert EVENT_OF_STATUS.keys() == {status for status in Status if status.final}
    assert set(SELECTABLE_EVENTS) == {*FINAL_EVENTS, EventType.PROGRESS, EventType.BUDGET}


def test_the_published_library_takes_our_signature() -> None:
    body = '{"type":"task.succeeded","data":{"prompt":"ein Füchslein"}}'.encode()

    assert Webhook(secret_text(SECRET)).verify(body, signed(body))["data"] == {"prompt": "ein Füchslein"}


@pytest.mark.parametrize(
    ("secret", "changed"),
    [
        (bytes(32), {}),
        (SECRET, {"webhook-id": delivery_id("1f" * 16)}),
        (SECRET, {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) + 1)}),
    ],
)
def test_the_published_library_takes_no_other(secret: bytes, changed: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(secret)).verify(b"{}", signed(b"{}") | changed)


def test_the_waits_are_those_of_the_schedule_and_then_there_is_none() -> None:
    waits = [retry_delay_s(EventType.FAILED, retries, 1.0, None) for retries in range(len(RETRY_DELAYS_S) + 1)]

    assert waits == [*map(float, RETRY_DELAYS_S), None]
    assert sum(RETRY_DELAYS_S) < FINAL_TTL_S


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_chance_spreads_a_wait_over_all_of_it(chance: float) -> None:
    assert retry_delay_s(EventType.SUCCEEDED, 3, chance, None) == chance * RETRY_DELAYS_S[3]


@pytest.mark.parametrize(("retry_after_s", "waits"), [(30, 30.0), (7, 7.0), (10**8, MAX_RETRY_AFTER_S), (0, 2.5)])
def test_a_receiver_may_ask_for_a_longer_wait(retry_after_s: int, waits: float) -> None:
    assert retry_delay_s(EventType.SUCCEEDED, 0, 0.5, retry_after_s) == waits


@pytest.mark.parametrize("event", [EventType.PROGRESS, EventType.TEST])
def test_what_is_soon_old_is_not_tried_again(event: EventType) -> None:
    assert retry_delay_s(event, 0, 0.5, None) is None
    assert ttl_ms(event) < ttl_ms(EventType.FAILED)


@pytest.mark.parametrize("text", ["", "msg_", "msg_" + "g" * 32, "msg_" + "0" * 31, ID.upper(), ID + "\n", "\0" + ID])
def test_what_is_no_delivery_is_known_by_its_looks(text: str) -> None:
    assert is_delivery_id(ID)
    assert not is_delivery_id(text)
