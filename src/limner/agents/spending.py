"""How many credits one session of an agent may spend."""

from dataclasses import dataclass, field

from mcp.server.mcpserver.exceptions import ToolError


@dataclass(slots=True)
class SessionSpending:
    """`limit` in credits; None sets none, and the budgets of the key and the account hold alone.

    A price is taken before the task is accepted, and given back when it is refused or ends without a picture.
    """

    limit: int | None = None
    spent: int = 0
    _of_tasks: dict[str, int] = field(default_factory=dict)

    def take(self, price: int) -> None:
        """Raises `ToolError` where it is more than is left."""
        if self.limit is not None and self.spent + price > self.limit:
            raise ToolError(
                f"This would cost {price} credits, and {max(0, self.limit - self.spent)} of the {self.limit} credits "
                "of this session are left. Nothing was spent. Ask the user to start a session with more (--credits)."
            )
        self.spent += price

    def give_back(self, price: int) -> None:
        self.spent -= price

    def belongs_to(self, task_id: str, price: int) -> None:
        self._of_tasks[task_id] = price

    def ended(self, task_id: str, consumed: int) -> None:
        """Count what a task of this session really cost; once."""
        if (price := self._of_tasks.pop(task_id, None)) is not None:
            self.spent += consumed - price
