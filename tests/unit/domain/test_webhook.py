from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from limner.domain.tasks.task import Status
from limner.domain.webhook import (
    CHOICES,
    END_LIFE_S,
    END_OF,
    ENDS,
    LONGEST_WISH_S,
    WAITS_S,
    EventType,
    as_delivery,
    as_text,
    is_delivery,
    life_ms,
    signature,
    wait_s,
)

SECRET = bytes(range(32))
ID = as_delivery("0f" * 16)


def signed(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    moment_s = int(datetime.now(UTC).timestamp())
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(moment_s),
        "webhook-signature": signature(secret, ID, moment_s, body),
    }


def test_every_end_of_a_task_is_an_event() -> None:
    assert END_OF.keys() == {status for status in Status if status.final}
    assert set(CHOICES) == {*ENDS, EventType.PROGRESS}


def test_the_published_library_takes_our_signature() -> None:
    body = '{"type":"task.succeeded","data":{"prompt":"ein Füchslein"}}'.encode()

    assert Webhook(as_text(SECRET)).verify(body, signed(body))["data"] == {"prompt": "ein Füchslein"}


@pytest.mark.parametrize(
    ("secret", "changed"),
    [
        (bytes(32), {}),
        (SECRET, {"webhook-id": as_delivery("1f" * 16)}),
        (SECRET, {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) + 1)}),
    ],
)
def test_the_published_library_takes_no_other(secret: bytes, changed: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(as_text(secret)).verify(b"{}", signed(b"{}") | changed)


def test_the_waits_are_those_of_the_schedule_and_then_there_is_none() -> None:
    waits = [wait_s(EventType.FAILED, retries, 1.0, None) for retries in range(len(WAITS_S) + 1)]

    assert waits == [*map(float, WAITS_S), None]
    assert sum(WAITS_S) < END_LIFE_S


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_chance_spreads_a_wait_over_all_of_it(chance: float) -> None:
    assert wait_s(EventType.SUCCEEDED, 3, chance, None) == chance * WAITS_S[3]


@pytest.mark.parametrize(("wish", "waits"), [(30, 30.0), (7, 7.0), (10**8, LONGEST_WISH_S), (0, 2.5)])
def test_a_receiver_may_ask_for_a_longer_wait(wish: int, waits: float) -> None:
    assert wait_s(EventType.SUCCEEDED, 0, 0.5, wish) == waits


@pytest.mark.parametrize("event", [EventType.PROGRESS, EventType.TEST])
def test_what_is_soon_old_is_not_tried_again(event: EventType) -> None:
    assert wait_s(event, 0, 0.5, None) is None
    assert life_ms(event) < life_ms(EventType.FAILED)


@pytest.mark.parametrize("text", ["", "msg_", "msg_" + "g" * 32, "msg_" + "0" * 31, ID.upper(), ID + "\n", "\0" + ID])
def test_what_is_no_delivery_is_known_by_its_looks(text: str) -> None:
    assert is_delivery(ID)
    assert not is_delivery(text)
