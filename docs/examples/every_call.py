"""Every method of limner-client once, blocking and in asyncio, as type checkers read it.

Needs LIMNER_CLIENT_URL, LIMNER_CLIENT_KEY and a picture me.jpg.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from limner_client import (
    AsyncLimnerClient,
    CallRefused,
    LimnerClient,
    LimnerError,
    ModelUnknown,
    PictureTask,
    Reference,
    TaskUnsuccessful,
    Uploaded,
    WebhookMessage,
    verify_webhook,
)


def blocking() -> list[str]:
    with LimnerClient() as limner:
        quote = limner.quote("a cat", template="figure")
        print(quote["price"], limner.balance(), limner.models()[0], limner.templates()[0])
        mine: Uploaded = limner.upload(Path("me.jpg"))
        references: list[Reference] = [Path("me.jpg"), mine]
        task = limner.submit("image[1] and image[2]", references=references, model="gpt_image_2", n=2)
        ended = limner.wait(task.id, timeout_s=300, on_progress=shown)
        saved = [limner.save(ended, f"picture-{number}.png", number) for number in range(len(ended.pictures))]
        again = limner.generate("image[1] at night", references=[ended], idempotency_key=f"night-{ended.id}")
        print(len(limner.download(again)), limner.get(again.id).status, limner.cancel(again.id).has_ended)
        page, after = limner.tasks(limit=2)
        print([each.model for each in page], after)
        return [path.name for path in saved]


async def in_asyncio() -> int:
    async with AsyncLimnerClient(retries=3) as limner:
        done = await limner.batch(["a dog", {"prompt": "a hen", "model": "no_such_model"}], timeout_s=300)
        pictures = [await limner.download(each) for each in done if isinstance(each, PictureTask)]
        refused = [each for each in done if isinstance(each, LimnerError)]
        print(len(pictures), refused)
        return len(refused)


def shown(task: PictureTask) -> None:
    print(task.status, task.progress, task.seconds_left, task.error)


def link_or_reason(prompt: str, limner: LimnerClient) -> str:
    try:
        return limner.generate(prompt).pictures[0]
    except TaskUnsuccessful as error:
        return f"{error.task.status}: {error.code}"
    except ModelUnknown as error:
        return error.suggestion
    except CallRefused as error:
        return f"{error.status} {error.code} {error.message} {error.trace_id}"


def received(secret: str, headers: Mapping[str, str], body: bytes) -> str | None:
    message: WebhookMessage = verify_webhook(secret, headers, body)
    return message.task.id if message.task else None


if __name__ == "__main__":
    print(blocking(), asyncio.run(in_asyncio()))
