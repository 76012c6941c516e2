"""Tasks that a content policy ended, in the log of refusals, so that they can be appealed."""

from limner.db.records import Records
from limner.db.tables.moderation.refusals import LoggedRefusal
from limner.domain.moderation import RefusalStage
from limner.domain.tasks.task import Ending, Task


def log_banned(records: Records, task: Task, ending: Ending, now_ms: int) -> None:
    """In the unit of work that ends the task. A picture that was withheld is in the log already."""
    if records.moderation.has_task(task.id):
        return
    stage = RefusalStage.ORDER if records.moderation.is_held(task.id) else RefusalStage.VENDOR
    reason = ending.error_msg or "refused"
    records.moderation.add(LoggedRefusal(task.id, task.account, task.id, stage, reason, (), None, now_ms))
