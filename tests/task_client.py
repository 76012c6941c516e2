"""A small HTTP client: submit a task and wait for its end."""

import asyncio
from typing import Any

import aiohttp

from serving import Served

ENDS_WITHIN_S = 120


async def call(served: Served, path: str, sent: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {served.key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        asked = session.post(served.api + path, json=sent) if sent is not None else session.get(served.api + path)
        async with asked as answer:
            body: dict[str, Any] = await answer.json()
            return body


async def submit(served: Served, model: str, **fields: Any) -> str:
    created = await call(served, "/task", {"type": "generate_image", "model_version": model, **fields})
    task: str = created["data"]["task_id"]
    return task


async def run_task(served: Served, model: str, **fields: Any) -> dict[str, Any]:
    return await wait_for_end(served, await submit(served, model, **fields))


async def wait_for_end(served: Served, task_id: str) -> dict[str, Any]:
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            task: dict[str, Any] = (await call(served, f"/task/{task_id}"))["data"]
            if task["status"] not in {"queued", "running"}:
                return task
            await asyncio.sleep(0.1)


async def download_picture(task: dict[str, Any]) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(task["output"]["generated_image"]) as answer:
        return await answer.read()
