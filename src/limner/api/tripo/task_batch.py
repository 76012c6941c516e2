"""Reading several tasks with one request."""

from pydantic import BaseModel, Field, StrictStr, ValidationError

from limner.api.http.bodies.json_body import read_object
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal


class TaskBatch(BaseModel):
    """The body of the call."""

    task_ids: list[StrictStr] = Field(min_length=1, max_length=100)


def read_ids(body: bytes) -> list[TaskId]:
    """The requested ids in order, without duplicates. Raises `Refusal` 1004."""
    try:
        wanted = TaskBatch.model_validate(read_object(body)).task_ids
    except ValidationError:
        raise Refusal(
            Code.INVALID,
            "task_ids is not a list of 1 to 100 task ids",
            suggestion='Send {"task_ids": ["…"]} with at most 100 ids.',
            field="task_ids",
        ) from None
    return [TaskId(each) for each in dict.fromkeys(wanted)]
