"""`limner tasks keep`, `unkeep` and `lineage`: the library of finished pictures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.markup import escape

from limner.cli.task.tasks import TaskArgument, app, facts, short_prompt
from limner.cli.terminal import Data, Json, out, print_json, with_limner
from limner.domain.ids import TaskId

if TYPE_CHECKING:
    from limner.application.library.lineage import Lineage


@app.command("keep")
def keep(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Keep a task's pictures: retention, and erasing of several tasks, leave them alone."""
    _mark(task_id, kept=True, data=data, json=json)


@app.command("unkeep")
def unkeep(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Keep a task's pictures no longer than retention says."""
    _mark(task_id, kept=False, data=data, json=json)


@app.command("lineage")
def lineage(task_id: TaskArgument, data: Data = None, json: Json = False) -> None:
    """Show which tasks a task was made from, and which were made from it."""
    found = with_limner(data, lambda limner: limner.lineage(None, TaskId(task_id)), json=json)
    if json:
        print_json(
            {"tasks": [facts(seen.task) for seen in found.tasks], "edges": found.edges, "complete": found.complete}
        )
        return
    for line in _tree(found):
        out.print(line, soft_wrap=True)
    if not found.complete:
        out.print("There are more tasks than are shown.")


def _mark(task_id: str, *, kept: bool, data: Data, json: bool) -> None:
    seen = with_limner(data, lambda limner: limner.keep_task(None, TaskId(task_id), kept=kept), json=json)
    if json:
        print_json(facts(seen.task))
    else:
        out.print("The task is kept." if kept else "The task is not kept.")


def _tree(found: "Lineage") -> Iterator[str]:
    """Each task below those that it was made from, in the order in which they were made."""
    depth: dict[TaskId, int] = {}
    for seen in found.tasks:
        task = seen.task
        parents = [edge for edge in found.edges if edge.task == task.id]
        depth[task.id] = max((depth.get(edge.parent, 0) + 1 for edge in parents), default=0)
        fields = ", ".join(f"{edge.field} from {edge.parent}" for edge in parents)
        made = f" ({escape(fields)})" if fields else ""
        yield f"{'  ' * depth[task.id]}[bold]{task.id}[/] {task.status} {escape(short_prompt(task))}{made}"
