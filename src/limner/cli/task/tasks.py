"""`limner tasks`: list, show, explain, save, cancel and erase tasks."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.cli import completion
from limner.cli.account.webhooks import print_deliveries
from limner.cli.task.facts_as_text import lines_of
from limner.cli.task.generate import Force, Open, check_can_run, report_saved, run_task, save_task
from limner.cli.task.output import check_output
from limner.cli.terminal import Data, Json, confirm, out, print_json, table, when, with_limner
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status, Task

if TYPE_CHECKING:
    from limner.application.explain import Explanation
    from limner.application.read import TaskView
    from limner.application.retention.take_down import Takedown
    from limner.bootstrap import Limner
    from limner.db.tables.attempts import Attempt
    from limner.db.tables.retention import Erasure
    from limner.db.tables.tasks import CleanCopy

app = typer.Typer(help="Tasks: list, explain, save, cancel and erase them.", no_args_is_help=True)

TaskArgument = Annotated[str, typer.Argument(help="The task's id.", autocompletion=completion.task_ids)]


@app.command("list")
def list_tasks(
    account: Annotated[str | None, typer.Option("--account", help="Only this account's.")] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only those in this state.")] = None,
    search: Annotated[str | None, typer.Option("--search", help="Words, or their beginnings, of the prompt.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only those for this model.")] = None,
    template: Annotated[str | None, typer.Option("--template", help="Only those with this template.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="A date or time, such as 2026-11-28: then or later.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="A date or time: earlier.")] = None,
    made_from: Annotated[
        str | None, typer.Option("--made-from", help="Only those with a picture of this task.")
    ] = None,
    kept: Annotated[bool | None, typer.Option("--kept/--not-kept", help="Only kept tasks, or only others.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, newest first.")] = 20,
    data: Data = None,
    json: Json = False,
) -> None:
    """List and search tasks, newest first."""
    from limner.application.accounts.manage import named
    from limner.domain.prompts.template import normalise_slug
    from limner.domain.tasks.listing import TaskFilter, moment_of
    from limner.domain.tasks.search import search_terms

    async def work(limner: "Limner") -> list[Task]:
        wanted = TaskFilter(
            search=search_terms(search or ""),
            model=model,
            template=normalise_slug(template) if template else None,
            statuses=(status,) if status else (),
            since_ms=moment_of("since", since) if since else None,
            until_ms=moment_of("until", until) if until else None,
            kept=kept,
            made_from=TaskId(made_from) if made_from else None,
            unlisted=True,
        )
        owner = await limner.store.read(lambda records: named(records, account).id) if account else None
        return [seen.task for seen in (await limner.list_tasks(owner, wanted, after=None, limit=limit)).tasks]

    found = with_limner(data, work, json=json)
    if json:
        print_json([facts(task) for task in found])
        return
    rows = [(t.id, t.status, _age(t), _took(t), t.consumed, short_prompt(t)) for t in found]
    table("TASK", "STATUS", "AGE", "TOOK", "CREDITS", "PROMPT", rows=rows, empty="No tasks yet.")


@app.command("show")
def show(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Show one task."""

    async def work(limner: "Limner") -> "tuple[TaskView, Erasure | None]":
        seen = await limner.read(None, TaskId(task_id))
        return seen, await limner.store.read(lambda records: records.retention.erasure(seen.task.id))

    seen, erasure = with_limner(data, work, json=json)
    if json:
        print_json(facts(seen.task) | {"ahead": seen.ahead, "erasure": erasure})
        return
    for name, text in lines_of(facts(seen.task)):
        out.print(f"[bold]{name:18}[/] {escape(text)}", soft_wrap=True)
    if erasure:
        out.print(_receipt(erasure), soft_wrap=True)


@app.command("explain")
def explain(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Explain a task: the prompt that the model received, each attempt, each credit."""
    explained = with_limner(data, lambda limner: limner.explain(None, TaskId(task_id)), json=json)
    if json:
        print_json(asdict(explained))
    else:
        _print_explanation(explained)


@app.command("save")
def save(
    task_id: TaskArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to save to; - is standard output. Default: TASK.png.")
    ] = None,
    force: Force = False,
    open_: Open = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Save the picture of a task, or its pictures: further ones as NAME-2.png and so on.

    A task that has not ended is run to its end first, as `limner generate` does.
    """

    async def work(limner: "Limner") -> tuple[Task, Sequence[Path]]:
        check_output(output, force=force)
        task = (await limner.read(None, TaskId(task_id))).task
        if not task.status.final:
            check_can_run(limner, json=json)
            task = await run_task(limner, task.id, quiet=json)
        return task, await save_task(limner, task, output, force=force)

    task, saved = with_limner(data, work, json=json)
    report_saved(task, saved, open_=open_, json=json)


@app.command("cancel")
def cancel(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Cancel a task: at once while it is queued, as soon as possible while it runs."""
    task = with_limner(data, lambda limner: limner.cancel(None, TaskId(task_id)), json=json)
    if json:
        print_json(facts(task))
    elif task.status is Status.RUNNING:
        out.print("It is running; its worker was asked to stop.")
    else:
        out.print(f"The task is {task.status}.")


@app.command("erase")
def erase(
    task_id: TaskArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="The requester, for the receipt. Default: you.")] = None,
    descendants: Annotated[
        bool, typer.Option("--descendants", help="Also all tasks that its pictures were used for, directly or not.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Erase a task's prompt and pictures. Figures, credits and a receipt stay, and the tasks made from it."""
    whose = f"task {task_id} and of all that was made from it" if descendants else f"task {task_id}"
    confirm(f"Erase the prompts and pictures of {whose}? This cannot be undone.", yes=yes, json=json)

    async def work(limner: "Limner") -> "Erasure | Takedown":
        if descendants:
            receipt: Erasure | Takedown = await limner.take_down(TaskId(task_id), by)
        else:
            receipt = await limner.erase(None, TaskId(task_id), by)
        await limner.scrub()
        return receipt

    receipt = with_limner(data, work, json=json)
    if json:
        print_json(receipt)
    else:
        out.print(_receipt(receipt), soft_wrap=True)


def _receipt(erasure: "Erasure | Takedown") -> str:
    shared, tasks = getattr(erasure, "shared", 0), getattr(erasure, "tasks", ())
    stay = f"; {shared} files stay, for others refer to the same bytes" if shared else ""
    deleted = f"{erasure.files} files of {erasure.size:,} bytes deleted{stay}"
    if tasks:
        deleted = f"{len(tasks)} tasks, {deleted}: {', '.join(tasks)}"
    return f"Erased on {when(erasure.at_ms)} by {escape(erasure.by)}: {deleted}."


def facts(task: Task) -> dict[str, object]:
    """A task for programs, with its times for people too."""
    found = asdict(task)
    for name in ("created_ms", "started_ms", "finished_ms", "removed_ms"):
        found[name.removesuffix("_ms")] = when(found[name]) or None
    return found


def _age(task: Task) -> str:
    seconds = int(time.time() - task.created_ms / 1000)
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def _took(task: Task) -> str:
    if task.started_ms is None or task.finished_ms is None:
        return ""
    return f"{(task.finished_ms - task.started_ms) / 1000:.1f} s"


def short_prompt(task: Task) -> str:
    """The beginning of its prompt, or its template's name."""
    prompt = str(task.echo.get("prompt") or task.echo.get("template") or "")
    return prompt if len(prompt) <= 40 else prompt[:39] + "…"


def _print_explanation(explained: "Explanation") -> None:
    task = explained.task
    credits_ = f"settled at {task.consumed} credits" if task.status.final else f"{task.price} credits held"
    out.print(f"[bold]{task.id}[/] is [bold]{task.status}[/]: {task.type} on {task.model}, {credits_}", soft_wrap=True)
    if task.error_msg:
        out.print(f"[red]{task.error_code}: {escape(task.error_msg)}[/]", soft_wrap=True)
    if explained.erasure:
        out.print(_receipt(explained.erasure), soft_wrap=True)
    if explained.ignored:
        out.print(f"ignored fields: {escape(', '.join(explained.ignored))}")
    for view, composed in ({"": explained.composed} if explained.composed else explained.views).items():
        of_view = f", {view}" if view else ""
        out.print(f"\n[bold]prompt sent to the model{of_view}[/]\n{escape(composed.text)}", soft_wrap=True)
        for note in composed.notes:
            out.print(f"note: {escape(note)}", soft_wrap=True)
    if task.served_by:
        out.print("\n[bold]served by[/]")
        for name, text in lines_of(task.served_by):
            out.print(f"  {name}: {escape(text)}", soft_wrap=True)
    _print_rows(explained)


def _print_rows(explained: "Explanation") -> None:
    if explained.inputs:
        out.print("\n[bold]pictures[/]")
        rows = [(i.field, i.url or i.blob or "removed", _clean(i.clean)) for i in explained.inputs]
        table("FIELD", "FROM", "CLEAN COPY", rows=list(rows), empty="")
    out.print("\n[bold]attempts[/]")
    attempts = [
        (f"{a.part} {a.number}".strip(), a.route, a.state, a.outcome, when(a.intended_ms), _cost(a), a.reason)
        for a in explained.attempts
    ]
    table("NO", "ROUTE", "STATE", "OUTCOME", "WHEN", "COST", "REASON", rows=attempts, empty="none yet")
    out.print("\n[bold]credits[/]")
    moves = [(when(m.at_ms), m.movement, f"{m.available:+d}", f"{m.frozen:+d}") for m in explained.ledger]
    table("WHEN", "MOVEMENT", "CREDITS", "HELD", rows=moves, empty="nothing moved")
    if explained.deliveries:
        out.print("\n[bold]webhooks[/]")
        print_deliveries(explained.deliveries, empty="")


def _clean(copy: "CleanCopy | None") -> str:
    return f"{copy.width} x {copy.height} {copy.media_type} {copy.blob[:12]}…" if copy else "not made yet"


def _cost(attempt: "Attempt") -> str:
    """What the vendor charged, or the price table's price."""
    if not attempt.charged:
        in_doubt = attempt.outcome in {"unknown_outcome", "given_up"}
        return f"perhaps ${attempt.price_usd:.4f}" if in_doubt and attempt.price_usd else "none"
    cost_usd = attempt.price_usd if attempt.cost_usd is None else attempt.cost_usd
    return "not known" if cost_usd is None else f"${cost_usd:.4f}"
