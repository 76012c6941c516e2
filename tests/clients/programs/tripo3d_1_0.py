"""Every image call of tripo3d 1.0, each up to the picture on disk.

Arguments, environment and answer are those of `tripo3d_0_4.py`.
"""

import asyncio
import json
import os
import sys
from typing import Any

from tripo3d import TripoClient


async def main(picture: str, folder: str) -> dict[str, Any]:
    url = os.environ["LIMNER_URL"]
    async with TripoClient(api_key=os.environ["LIMNER_KEY"], v3_base_url=url) as client:

        async def made(task_id: str) -> dict[str, Any]:
            task = await client.wait_for_task(task_id, polling_interval=0.2, timeout=100)
            return {
                "task_id": task.task_id,
                "type": task.type,
                "status": task.status.value,
                "input": task.input,
                "progress": task.progress,
                "credits": task.credits_consumed,
                "files": await client.download_task_models(task, folder),
            }

        async def chained() -> list[dict[str, Any]]:
            words = await made(await client.text_to_image("a lamp", aspect_ratio="16:9"))
            return [words, await made(await client.generate_image("the same lamp, lit", file=words["task_id"]))]

        async def by_address() -> dict[str, Any]:
            words = await client.wait_for_task(await client.text_to_image("a sofa"), polling_interval=0.2)
            return await made(await client.generate_image("the same sofa, in blue", file=words.output.image))

        async def presigned() -> dict[str, Any]:
            link = await client.presign_upload("png")
            await client._http.put_file(link.upload_url, picture, "image/png")
            return await made(await client.generate_image("the same, at night", file=link.file_token))

        async def views() -> list[dict[str, Any]]:
            turned = await made(await client.generate_multiview_image(picture))
            words = [{"view": "front", "prompt": "a red shirt"}, {"view": "back", "prompt": "a blue coat"}]
            return [turned, await made(await client.edit_multiview_image(turned["task_id"], words))]

        async def in_the_old_way() -> dict[str, Any]:
            sent = await client.upload_file(picture)
            request = {"type": "generate_image", "prompt": "a cat", "file": {"type": "png", **sent}}
            return await made(await client.create_task(request))

        async def refused() -> dict[str, Any]:
            try:
                await client.text_to_image("a cat 😀")
            except Exception as error:  # noqa: BLE001 - its kind is part of the answer
                reported = {
                    name: getattr(error, name, None) for name in ("code", "message", "suggestion", "request_id")
                }
                return {"kind": type(error).__name__, **reported}
            return {}

        before = await client.get_balance()
        refusal, file, files, template, by_link, old, turned, chain, *address = await asyncio.gather(
            refused(),
            made(await client.generate_image("a cat in a hat", file=picture)),
            made(await client.generate_image("image[1] beside image[2]", "chat_image_2", files=[picture, picture])),
            made(await client.generate_image(template="t-pose", file=picture, t_pose=True)),
            presigned(),
            in_the_old_way(),
            views(),
            chained(),
            *([by_address()] if os.environ.get("LIMNER_FETCHES") else []),
        )
        listed = await client.list_tasks([file["task_id"], "00000000-0000-4000-8000-000000000000"])
        usage = await client.get_usage(limit=3)
        after = await client.get_balance()

    return {
        "tasks": {
            "file": file,
            "files": files,
            "template": template,
            "presigned": by_link,
            "old way": old,
            "views": turned[0],
            "edited views": turned[1],
            "words": chain[0],
            "task": chain[1],
            **({"address": address[0]} if address else {}),
        },
        "refusal": refusal,
        "listed": [sorted(listed.tasks), listed.missed],
        "usage": [each.credits_consumed for each in usage],
        "balances": [[each.balance, each.frozen] for each in (before, after)],
    }


json.dump(asyncio.run(main(*sys.argv[1:])), sys.stdout)
