"""Cards with what the journal of attempts tells of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from limner.api.service_container import Services
from limner.application.read import TaskView
from limner.domain.tasks.task import Status
from limner.ports.templates import Templates
from limner.studio.cards.card import CardMaker, FeedCard
from limner.studio.local_links import LocalLinks
from limner.studio.session import session_of
from limner.studio.texts import texts_for


@dataclass(frozen=True, slots=True)
class Cards:
    """Makes cards for the session's account, in the reader's language."""

    services: Services
    templates: Templates

    async def explained(self, request: Request, tasks: Sequence[TaskView]) -> list[FeedCard]:
        """Cards that tell why there is no picture, and of another try."""
        asked = [each.task.id for each in tasks if _needs_attempts(each)]
        attempts = await self.services.store.read(lambda records: records.attempts.of_many(asked)) if asked else {}
        maker = self.maker(request)
        return [maker.card(each, attempts.get(each.task.id, ())) for each in tasks]

    def maker(self, request: Request) -> CardMaker:
        """For cards that are shown so small that they say no more than what the task's row has."""
        routing = self.services.routing
        return CardMaker(
            account_tag=session_of(request).key.account_tag,
            links=LocalLinks(self.services.links),
            templates=self.templates,
            models=routing.models,
            now_ms=self.services.clock.now_ms(),
            t=texts_for(request),
            served=routing.served_models(),
        )


def _needs_attempts(seen: TaskView) -> bool:
    status = seen.task.status
    return status is Status.RUNNING or (status.final and seen.task.result is None)
