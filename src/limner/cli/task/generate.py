"""`limner generate`: one picture, here and now, through the same door as everybody's."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from limner.cli.terminal import LOCAL, Account, Data, Json, err, out, print_json, with_limner
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.progress import progress
from limner.domain.tasks.task import Status, Task

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.db.tables.keys import Key
    from limner.db.tables.uploads import Upload
    from limner.domain.tasks.request import FileInput, ImageRequest

POLL_S = 0.15


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """The command line, read."""

    prompt: str
    pictures: tuple[Path, ...]
    model: str | None
    template: str | None
    t_pose: bool
    sketch_to_render: bool


def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw. `image[1]` names the first picture.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to save it. Default: TASK.png.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="A reference picture; may be repeated.", exists=True)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="model_version.")] = None,
    template: Annotated[str | None, typer.Option("--template", "-t", help="See `limner templates list`.")] = None,
    t_pose: Annotated[bool, typer.Option("--t-pose", help="Put the subject into a T-pose.")] = False,
    sketch: Annotated[bool, typer.Option("--sketch-to-render", help="Turn a sketch into a render.")] = False,
    account: Account = LOCAL,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make one picture and save it. Works whether or not a server runs on the same data folder."""
    wish = GenerateOptions(prompt, tuple(file or ()), model, template, t_pose, sketch)
    task, saved = with_limner(data, lambda limner: _generate(limner, wish, account, output, json=json), json=json)
    if json:
        print_json({"task_id": task.id, "file": str(saved), "credits": task.consumed, "served_by": task.served_by})
        return
    out.print(f"[green]Saved[/] {escape(str(saved))}  ({task.consumed} credits, task {task.id})", soft_wrap=True)
    _say_what_ran(task)


async def _generate(
    limner: "Limner", wish: GenerateOptions, account: str, output: Path | None, *, json: bool
) -> tuple[Task, Path]:
    key = await _key(limner, account)
    files = [await _upload(limner, key, path, f"files[{n}]") for n, path in enumerate(wish.pictures)]
    submitted = await limner.submit(key, _request(wish, files))
    worker = limner.worker()
    worker.start()
    try:
        task = await _watch(limner, submitted.task, quiet=json)
    finally:
        await worker.stop()
    return task, await _save(limner, task, output)


def _request(wish: GenerateOptions, files: "list[FileInput]") -> "ImageRequest":
    from limner.domain.tasks.request import ImageRequest, TaskType
    from limner.domain.tasks.spec import TaskSpec

    switches = {"t_pose": wish.t_pose, "sketch_to_render": wish.sketch_to_render}
    echo = {"prompt": wish.prompt, "template": wish.template, **switches}
    return ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        spec=TaskSpec(
            prompt=wish.prompt,
            template=wish.template,
            t_pose=wish.t_pose,
            sketch_to_render=wish.sketch_to_render,
        ),
        model=wish.model,
        files=tuple(files),
        priority=1,
        echo={name: value for name, value in echo.items() if value},
    )


async def _upload(limner: "Limner", key: "Key", path: Path, field: str) -> "FileInput":
    from limner.domain.tasks.request import FileInput, UploadedSource

    try:
        upload: Upload = await limner.upload(key, path)
    except Refusal as refusal:
        raise refusal.at(str(path)) from None
    return FileInput(field, None, UploadedSource(upload.token))


async def _watch(limner: "Limner", task_id: TaskId, *, quiet: bool) -> Task:
    """Wait for the task's end, with a bar for who watches."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=quiet) as bar:
        line = bar.add_task("queued", total=100)
        while True:
            task = (await limner.read(None, task_id)).task
            bar.update(line, description=task.status, completed=_percent(limner, task))
            if task.status.final:
                return task
            await limner.clock.sleep(POLL_S)


def _percent(limner: "Limner", task: Task) -> int:
    if task.status.final:
        return 100
    elapsed_ms = limner.clock.now_ms() - (task.started_ms or limner.clock.now_ms())
    return progress(task.progress, elapsed_ms, task.expected_ms)


async def _save(limner: "Limner", task: Task, output: Path | None) -> Path:
    if task.status is not Status.SUCCESS or task.result is None:
        raise Refusal(
            Code(task.error_code or Code.FATAL),
            f"the task ended as {task.status}: {task.error_msg}",
            suggestion=f"See what happened: limner tasks explain {task.id}",
        )
    target = output or Path(f"{task.id}.{task.result.extension}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(await limner.blobs.local(task.result.blob, limner.scratch.folder), target)
    return target


async def _key(limner: "Limner", account: str) -> "Key":
    """Stands for the operator at this machine: the account is enough, for the data folder is open to them anyway."""
    from limner.application.accounts.manage import named
    from limner.cli.serving.serve import ensure_first_account
    from limner.db.tables.keys import Key
    from limner.domain.ids import KeyId

    if account == LOCAL:
        await ensure_first_account(limner)
    found = await limner.store.read(lambda records: named(records, account))
    return Key(KeyId(""), found.id, found.tag, "operator", "", ("generate", "read"), 0, None)


def _say_what_ran(task: Task) -> None:
    served_by = task.served_by or {}
    if not served_by.get("generative", True):
        err.print(f"Made by {served_by.get('provider')}, which does not generate. {served_by.get('notice') or ''}")
