"""Request bodies of the library's calls."""

from pydantic import BaseModel, Field, StrictBool, StrictStr

from limner.api.http.bodies.json_body import read_object, validated
from limner.domain.ids import TaskId

MOST_TASKS = 500
GRACE_S, LONGEST_GRACE_S = 10, 3600


class TaskSelection(BaseModel):
    """Several tasks of the account."""

    task_ids: list[StrictStr] = Field(min_length=1, max_length=MOST_TASKS)

    @property
    def ids(self) -> list[TaskId]:
        """The ids in their order, each once."""
        return [TaskId(each) for each in dict.fromkeys(self.task_ids)]


class ErasureRequest(TaskSelection):
    """Tasks to erase."""

    grace_s: int = Field(
        default=GRACE_S, ge=0, le=LONGEST_GRACE_S, strict=True, description="Seconds for which it can be undone."
    )
    even_kept: StrictBool = Field(default=False, description="Erase kept tasks too.")


def selection(ids: list[str]) -> TaskSelection:
    """The same from a list of ids. Raises `Refusal`."""
    return validated(TaskSelection, {"task_ids": ids})


def read_selection(body: bytes) -> TaskSelection:
    return validated(TaskSelection, read_object(body))


def read_erasure(body: bytes) -> ErasureRequest:
    return validated(ErasureRequest, read_object(body))
