"""`limner generate`: makes pictures in this process, with the same checks and records as over the API."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from limner.cli import completion
from limner.cli.task.output import STDOUT, check_output, numbered, save
from limner.cli.task.picture_options import (
    Aspect,
    Background,
    Compression,
    Format,
    Mask,
    Number,
    Previews,
    Quality,
    Seed,
    Size,
)
from limner.cli.task.quote import print_quote
from limner.cli.terminal import LOCAL, Account, Data, Json, err, out, print_json, startup_errors, with_limner
from limner.domain.ids import BlobId, TaskId
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.tasks.progress import progress
from limner.domain.tasks.spec import MAX_IMAGES
from limner.domain.tasks.task import Result, Status, Task
from limner.ports.blobs import BlobMissing

if TYPE_CHECKING:
    from limner.application.tasks.quote import Quote
    from limner.bootstrap import Limner
    from limner.db.tables.keys import Key
    from limner.db.tables.uploads import Upload
    from limner.domain.tasks.request import FileInput, ImageRequest

POLL_S = 0.15

Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]
Open = Annotated[bool, typer.Option("--open", help="Open the saved picture.")]


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """The parsed command line. `output` is None for the default name, `-` for standard output.

    `chosen` are the optional fields of the task that were given.
    """

    prompt: str
    output: Path | None
    force: bool
    pictures: tuple[Path, ...]
    model: str | None
    template: str | None
    t_pose: bool
    sketch_to_render: bool
    n: int = 1
    mask: Path | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shows_previews(self) -> bool:
        return "partial_images" in self.chosen and self.output != STDOUT


def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw. `image[1]` names the first picture.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to save to; - is standard output. Default: TASK.png.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", "-f", help="A reference picture; may be repeated.", exists=True, dir_okay=False, readable=True
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="model_version.", autocompletion=completion.models)
    ] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", "-t", help="See `limner templates list`.", autocompletion=completion.templates),
    ] = None,
    t_pose: Annotated[bool, typer.Option("--t-pose", help="Put the subject into a T-pose.")] = False,
    sketch: Annotated[bool, typer.Option("--sketch-to-render", help="Turn a sketch into a render.")] = False,
    n: Number = 1,
    size: Size = None,
    aspect: Aspect = None,
    quality: Quality = None,
    background: Background = None,
    format_: Format = None,
    compression: Compression = None,
    seed: Seed = None,
    mask: Mask = None,
    previews: Previews = None,
    force: Force = False,
    open_: Open = False,
    quote: Annotated[
        bool, typer.Option("--quote", help="Show price, route, prompt and problems. Makes nothing, spends nothing.")
    ] = False,
    account: Account = LOCAL,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a picture, or several, and save them. Works whether or not a server runs on the same data folder.

    Further pictures are saved beside the first, as NAME-2.png and so on. An interrupted or unsaved picture is not
    lost: `limner tasks save TASK` saves it.
    """
    fields = {
        "size": size,
        "aspect_ratio": aspect,
        "quality": quality,
        "background": background,
        "output_format": format_,
        "output_compression": compression,
        "seed": seed,
        "partial_images": previews,
    }
    chosen = {name: value for name, value in fields.items() if value is not None}
    options = GenerateOptions(
        prompt, output, force, tuple(file or ()), model, template, t_pose, sketch, n, mask, chosen
    )
    if quote:
        print_quote(with_limner(data, lambda limner: _quote(limner, options, account), json=json), json=json)
        return
    task, saved = with_limner(data, lambda limner: _generate(limner, options, account, json=json), json=json)
    report_saved(task, saved, open_=open_, json=json)


def report_saved(task: Task, saved: Sequence[Path], *, open_: bool, json: bool) -> None:
    """Print where the pictures were saved; on standard error when a picture itself is on standard output."""
    names = [str(each) for each in saved]
    if json:
        several = {"files": names} if task.pictures > 1 else {}
        facts = {"task_id": task.id, "file": names[0], **several, "credits": task.consumed}
        ignored = {"ignored": [asdict(each) for each in task.ignored]} if task.ignored else {}
        print_json({**facts, "served_by": task.served_by, **ignored})
    else:
        console = err if saved[0] == STDOUT else out
        where = "to standard output" if saved[0] == STDOUT else escape(", ".join(names))
        console.print(f"[green]Saved[/] {where}  ({task.consumed} credits, task {task.id})", soft_wrap=True)
        _print_provider(task)
        _print_shortfalls(task)
    if open_ and saved[0] != STDOUT:
        typer.launch(names[0])


def _print_shortfalls(task: Task) -> None:
    if task.error_msg:
        err.print(escape(task.error_msg), soft_wrap=True)
    for each in task.ignored:
        err.print(f"{each.field} was not obeyed: {escape(each.reason)}", soft_wrap=True)


async def _generate(
    limner: "Limner", options: GenerateOptions, account: str, *, json: bool
) -> tuple[Task, Sequence[Path]]:
    if json and options.output == STDOUT:
        raise Refusal(Code.INVALID, "-o - and --json both write to standard output", suggestion="Use one of them.")
    if options.n > 1 and options.output == STDOUT:
        raise Refusal(Code.INVALID, "standard output takes one picture", suggestion="Leave -n out, or -o -.")
    for number in range(1, max(1, min(options.n, MAX_IMAGES)) + 1):
        path = options.output and numbered(options.output, number)
        await asyncio.to_thread(check_output, path, force=options.force)
    check_can_run(limner, json=json)
    key = await _key(limner, account)
    files = [await _upload(limner, key, path, f"files[{n}]") for n, path in enumerate(options.pictures)]
    mask = await _upload(limner, key, options.mask, "mask") if options.mask else None
    submitted = await limner.submit(key, _request(options, files, mask))
    saving = SavePreviews(limner, options.output, force=options.force, quiet=json) if options.shows_previews else None
    task = await run_task(limner, submitted.task, quiet=json, on_change=saving)
    return task, await save_task(limner, task, options.output, force=options.force)


async def _quote(limner: "Limner", options: GenerateOptions, account: str) -> "Quote":
    """A quote with the pictures as they are here: none is uploaded."""
    from limner.domain.tasks.request import FileInput, InlineSource

    files = [FileInput(f"files[{n}]", None, InlineSource("")) for n, _ in enumerate(options.pictures)]
    mask = FileInput("mask", None, InlineSource("")) if options.mask else None
    key = await _key(limner, account)
    return await limner.quote(key, _request(options, files, mask), problems=Problems(collect=True))


def check_can_run(limner: "Limner", *, json: bool) -> None:
    """Exit with 1 and a sentence where nothing is configured that could make a picture."""
    from limner.bootstrap import check_engine

    with startup_errors(json=json):
        check_engine(limner.settings, limner.providers)


async def run_task(
    limner: "Limner", task: TaskId, *, quiet: bool, on_change: Callable[[Task], Awaitable[None]] | None = None
) -> Task:
    """Work in this process until the task ends, here or at another worker. `on_change` is called after each look."""
    worker = limner.worker()
    worker.start()
    try:
        return await _watch(limner, task, quiet=quiet, on_change=on_change)
    except asyncio.CancelledError:
        worker.drain_s = 0  # a paid call still gets the time to record its answer
        err.print(
            f"Interrupted. The task is {task}; a running `limner serve` continues it. To continue and save it here:",
            soft_wrap=True,
        )
        err.print(f"  limner tasks save {task}", soft_wrap=True)
        raise
    finally:
        await worker.stop()


def _request(options: GenerateOptions, files: "list[FileInput]", mask: "FileInput | None") -> "ImageRequest":
    from limner.domain.tasks.request import ImageRequest, TaskType
    from limner.domain.tasks.spec import TaskSpec

    switches = {"t_pose": options.t_pose, "sketch_to_render": options.sketch_to_render}
    number = {"n": options.n} if options.n != 1 else {}
    echo = {"prompt": options.prompt, "template": options.template, **switches}
    return ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        spec=TaskSpec(
            prompt=options.prompt,
            template=options.template,
            t_pose=options.t_pose,
            sketch_to_render=options.sketch_to_render,
            n=options.n,
            mask=mask is not None,
            **options.chosen,
        ),
        model=options.model,
        files=tuple(files),
        priority=1,
        echo={name: value for name, value in echo.items() if value} | number | dict(options.chosen),
        mask=mask,
    )


async def _upload(limner: "Limner", key: "Key", path: Path, field: str) -> "FileInput":
    from limner.domain.tasks.request import FileInput, UploadedSource

    try:
        upload: Upload = await limner.upload(key, path)
    except Refusal as refusal:
        raise refusal.at(str(path)) from None
    return FileInput(field, None, UploadedSource(upload.token))


async def _watch(
    limner: "Limner", task_id: TaskId, *, quiet: bool, on_change: Callable[[Task], Awaitable[None]] | None
) -> Task:
    """Wait for the task's end, with a progress bar unless `quiet`."""
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
            if on_change:
                await on_change(task)
            if task.status.final:
                return task
            await limner.clock.sleep(POLL_S)


def _percent(limner: "Limner", task: Task) -> int:
    if task.status.final:
        return 100
    elapsed_ms = limner.clock.now_ms() - (task.started_ms or limner.clock.now_ms())
    return progress(task.progress, elapsed_ms, task.expected_ms)


class SavePreviews:
    """Saves a task's previews as they come. One that cannot be saved is told and does not stop the task."""

    def __init__(self, limner: "Limner", output: Path | None, *, force: bool, quiet: bool) -> None:
        self._limner = limner
        self._output = output
        self._force = force
        self._quiet = quiet
        self._seen = 0

    async def __call__(self, task: Task) -> None:
        for name, preview in list(task.previews().items())[self._seen :]:
            self._seen += 1
            beside = self._output or Path(task.id)
            target = beside.with_name(f"{beside.stem}-preview-{self._seen}.{preview.image.extension}")
            try:
                await _save_image(self._limner, task, name, preview.image, target, force=self._force)
            except (Refusal, BlobMissing) as error:
                err.print(escape(f"The preview {target} was not saved: {error}"), soft_wrap=True)
            else:
                self._tell(target)

    def _tell(self, target: Path) -> None:
        if not self._quiet:
            err.print(f"Preview  {escape(str(target))}", soft_wrap=True)


async def save_task(limner: "Limner", task: Task, output: Path | None, *, force: bool) -> Sequence[Path]:
    """Save the task's pictures; returns where. Raises `Refusal` when there is none, or one cannot be saved.

    Of the four views of a subject, the front is saved.
    """
    if not task.status.final:
        raise Refusal(
            Code.INVALID,
            f"the task is {task.status}",
            suggestion=f"Wait for its end: limner tasks save {task.id}",
        )
    if task.status is not Status.SUCCESS or task.result is None:
        raise Refusal(
            Code(task.error_code or Code.FATAL),
            f"the task ended as {task.status}: {task.error_msg}",
            suggestion=_where_to_look(task),
        )
    named = list(task.result.pictures().items())[: 1 if task.result.views or output == STDOUT else None]
    return [
        await _save_one(
            limner, task, name, numbered(output or Path(f"{task.id}.{result.extension}"), number), force=force
        )
        for number, (name, result) in enumerate(named, 1)
    ]


def _where_to_look(task: Task) -> str:
    explain = f"See `limner tasks explain {task.id}`"
    if task.status is Status.FAILED:
        return f"{explain}; `limner providers check` says whether each vendor accepts its key."
    return f"{explain}."


async def _save_one(limner: "Limner", task: Task, name: str, target: Path, *, force: bool) -> Path:
    assert task.result  # noqa: S101 - asked for by its caller
    result = task.result.pictures()[name]
    try:
        await _save_image(limner, task, name, result, target, force=force)
    except BlobMissing:
        raise Refusal(
            Code.FILE_NOT_FOUND,
            f"the picture's file {result.blob} is missing in the store",
            suggestion="Does LIMNER_STORAGE_URL name the store of then? `limner doctor --deep` finds what is missing.",
        ) from None
    except Refusal as refusal:
        raise Refusal(
            refusal.code, refusal.reason, suggestion=f"The picture is kept: limner tasks save {task.id} -o FILE"
        ) from None
    return target


async def _save_image(limner: "Limner", task: Task, name: str, result: Result, target: Path, *, force: bool) -> None:
    """Save a picture of the task, or a preview, as every way out has it. Raises `Refusal`, `BlobMissing`."""
    source = await _file_of(limner, result.blob)
    delivery = limner.open_picture
    mark, opened = await delivery.mark_of(task, name), await delivery(task, name)
    await asyncio.to_thread(save, source, result.extension, target, force=force, mark=mark, layout=opened.layout)


async def _file_of(limner: "Limner", blob: BlobId) -> Path:
    """A file with the blob's bytes; raises `BlobMissing`."""
    source = await limner.blobs.local(blob, limner.scratch.folder)
    if not await asyncio.to_thread(source.exists):
        raise BlobMissing(blob)
    return source


async def _key(limner: "Limner", account: str) -> "Key":
    """A key for the operator at this machine, who has access to the data folder anyway."""
    from limner.application.accounts.manage import named
    from limner.cli.serving.serve import FIRST_CREDITS
    from limner.db.tables.keys import Key
    from limner.domain.ids import KeyId

    if account == LOCAL:
        await limner.accounts.ensure_first(LOCAL, FIRST_CREDITS)
    found = await limner.store.read(lambda records: named(records, account))
    rules = (await limner.store.read(lambda records: records.accounts.limits(found.id))).rules
    return Key(KeyId(""), found.id, found.tag, "operator", "", ("generate", "read"), 0, None, account_rules=rules)


def _print_provider(task: Task) -> None:
    served_by = task.served_by or {}
    if not served_by.get("generative", True):
        err.print(f"Made by {served_by.get('provider')}, which does not generate. {served_by.get('notice') or ''}")
