"""Every image call of tripo3d 0.4, each up to the picture on disk.

Given the picture to refer to and a folder for what is made; `LIMNER_URL` and `LIMNER_KEY` say where and as whom. What
happened is printed as JSON. With `LIMNER_FETCHES` the server may be given addresses as references.
"""

import asyncio
import json
import os
import sys
from typing import Any

from tripo3d import TripoClient

TripoClient.BASE_URL = os.environ["LIMNER_URL"] + "/v2/openapi"


async def main(picture: str, folder: str) -> dict[str, Any]:
    async with TripoClient(api_key=os.environ["LIMNER_KEY"]) as client:

        async def made(task_id: str) -> dict[str, Any]:
            task = await client.wait_for_task(task_id, timeout=100)
            return {
                "task_id": task.task_id,
                "type": task.type,
                "status": task.status.value,
                "input": task.input,
                "progress": task.progress,
                "running_left_time": task.running_left_time,
                "files": await client.download_task_models(task, folder),
            }

        async def views() -> list[dict[str, Any]]:
            turned = await made(await client.generate_multiview_image(picture))
            words = [{"view": "front", "prompt": "a red shirt"}, {"view": "back", "prompt": "a blue coat"}]
            return [turned, await made(await client.edit_multiview_image(turned["task_id"], words))]

        async def by_address() -> list[dict[str, Any]]:
            words = await client.wait_for_task(await client.text_to_image("a lamp", negative_prompt="people"))
            made_of_it = client.generate_image("the same lamp, lit", file=words.output.image)
            return [await made(words.task_id), await made(await made_of_it)]

        async def by_what_was_uploaded() -> dict[str, Any]:
            sent = await client.upload_file(picture)
            if "file_token" in sent:  # known again by its shape
                return await made(await client.generate_image("the same, at night", file=sent["file_token"]))
            request = {"type": "generate_image", "prompt": "the same, at night", "file": {"type": "png", **sent}}
            return await made(await client.create_task(request))

        async def refused() -> str:
            try:
                return await client.generate_image("a cat", model_version="no_such_model")
            except Exception as error:  # noqa: BLE001 - whichever it is, its words are what a person gets to see
                return f"{type(error).__name__}: {error}"

        before = await client.get_balance()
        file, files, template, uploaded, turned, refusal, *chained = await asyncio.gather(
            made(await client.generate_image("a cat in a hat", file=picture)),
            made(await client.generate_image("image[1] beside image[2]", "gpt_image_2", files=[picture, picture])),
            made(await client.generate_image(template="t-pose", file=picture, t_pose=True, sketch_to_render=True)),
            by_what_was_uploaded(),
            views(),
            refused(),
            *([by_address()] if os.environ.get("LIMNER_FETCHES") else []),
        )
        after = await client.get_balance()

    words, address = chained[0] if chained else (None, None)
    return {
        "tasks": {
            "file": file,
            "files": files,
            "template": template,
            "uploaded": uploaded,
            "views": turned[0],
            "edited views": turned[1],
            **({"words": words, "address": address} if chained else {}),
        },
        "refusal": refusal,
        "balances": [[each.balance, each.frozen] for each in (before, after)],
    }


json.dump(asyncio.run(main(*sys.argv[1:])), sys.stdout)
