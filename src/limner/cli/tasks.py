"""`limner tasks`: what was asked for and what became of it."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.cli.terminal import Data, Json, out, print_json, table, when, with_limner
from limner.domain.ids import TaskId
from limner.domain.task import Status, Task

if TYPE_CHECKING:
    from limner.application.explain import Explanation
    from limner.ports.records import CleanCopy, Records

app = typer.Typer(help="Tasks: list them, look into them, cancel them.", no_args_is_help=True)

TaskArgument = Annotated[str, typer.Argument(help="The task's id.")]


@app.command("list")
def list_tasks(
    account: Annotated[str | None, typer.Option("--account", help="Only this account's.")] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, newest first.")] = 20,
    data: Data = None,
    json: Json = False,
) -> None:
    """List tasks, newest first."""
    from limner.application.accounts import named

    def work(records: "Records") -> list[Task]:
        owner = named(records, account).id if account else None
        return list(records.tasks.recent(account=owner, status=status, limit=limit))

    found = with_limner(data, lambda limner: limner.store.read(work), json=json)
    if json:
        print_json([_facts(task) for task in found])
        return
    rows = [(t.id, t.status, _age(t), _took(t), t.consumed, _prompt(t)) for t in found]
    table("TASK", "STATUS", "AGE", "TOOK", "CREDITS", "PROMPT", rows=rows, empty="No tasks yet.")


@app.command("show")
def show(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Show one task."""
    seen = with_limner(data, lambda limner: limner.read(None, TaskId(task_id)), json=json)
    if json:
        print_json(_facts(seen.task) | {"ahead": seen.ahead})
        return
    for name, value in _facts(seen.task).items():
        if value is not None:
            out.print(f"[bold]{name:16}[/] {escape(str(value))}", soft_wrap=True)


@app.command("explain")
def explain(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Tell what became of a task: the words the model got, each attempt, each credit."""
    told = with_limner(data, lambda limner: limner.explain(None, TaskId(task_id)), json=json)
    if json:
        print_json(asdict(told))
    else:
        _tell(told)


@app.command("cancel")
def cancel(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Cancel a task: at once while it waits, as soon as may be while it runs."""
    task = with_limner(data, lambda limner: limner.cancel(None, TaskId(task_id)), json=json)
    if json:
        print_json(_facts(task))
    elif task.status is Status.RUNNING:
        out.print("It is running; its worker was told.")
    else:
        out.print(f"The task is {task.status}.")


def _facts(task: Task) -> dict[str, object]:
    facts = asdict(task)
    for name in ("created_ms", "started_ms", "finished_ms"):
        facts[name.removesuffix("_ms")] = when(facts[name]) or None
    return facts


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


def _prompt(task: Task) -> str:
    prompt = str(task.echo.get("prompt") or task.echo.get("template") or "")
    return prompt if len(prompt) <= 40 else prompt[:39] + "…"


def _tell(told: "Explanation") -> None:
    task = told.task
    out.print(f"[bold]{task.id}[/] is [bold]{task.status}[/]: {task.type} on {task.model}, {task.price} credits held")
    if task.error_msg:
        out.print(f"[red]{task.error_code}: {escape(task.error_msg)}[/]", soft_wrap=True)
    if told.ignored:
        out.print(f"ignored fields: {escape(', '.join(told.ignored))}")
    if told.composed:
        out.print(f"\n[bold]what the model is told[/]\n{escape(told.composed.text)}", soft_wrap=True)
        for note in told.composed.notes:
            out.print(f"note: {escape(note)}", soft_wrap=True)
    if task.served_by:
        out.print("\n[bold]what ran[/]")
        for name, value in task.served_by.items():
            out.print(f"  {name}: {escape(str(value))}", soft_wrap=True)
    _tell_rows(told)


def _tell_rows(told: "Explanation") -> None:
    if told.inputs:
        out.print("\n[bold]pictures[/]")
        rows = [(i.field, i.url or i.blob, _clean(i.clean)) for i in told.inputs]
        table("FIELD", "FROM", "CLEAN COPY", rows=list(rows), empty="")
    out.print("\n[bold]attempts[/]")
    attempts = [
        (a.number, a.route, a.state, a.outcome, when(a.intended_ms), _cost(a.cost_usd, charged=a.charged), a.reason)
        for a in told.attempts
    ]
    table("NO", "ROUTE", "STATE", "OUTCOME", "WHEN", "COST", "REASON", rows=attempts, empty="none yet")
    out.print("\n[bold]credits[/]")
    moves = [(when(m.at_ms), m.movement, f"{m.available:+d}", f"{m.frozen:+d}") for m in told.ledger]
    table("WHEN", "MOVEMENT", "CREDITS", "HELD", rows=moves, empty="nothing moved")


def _clean(copy: "CleanCopy | None") -> str:
    return f"{copy.width} x {copy.height} {copy.media_type} {copy.blob[:12]}…" if copy else "not made yet"


def _cost(cost_usd: float | None, *, charged: bool) -> str:
    if cost_usd is not None:
        return f"${cost_usd:.4f}"
    return "not known" if charged else "none"
