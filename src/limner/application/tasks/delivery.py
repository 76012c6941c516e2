"""How a task ends by what was delivered: which images, at what price, and which fields their routes did not obey."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from limner.application.generation.journal import KeptImage, delivered_image
from limner.application.generation.routing import Routing
from limner.application.tasks.multiview import combine_results
from limner.db.tables.attempts import Attempt
from limner.db.tables.tasks import ClaimedTask
from limner.domain.routing.obeyed import obeyed
from limner.domain.tasks.spec import ImageSpec, TaskSpec
from limner.domain.tasks.task import Ending, IgnoredField, Status


def all_delivered(attempts: Sequence[Attempt], specs: Sequence[ImageSpec]) -> dict[str, KeptImage] | None:
    """The task's images by part, once all of them are delivered; None while one is missing."""
    images = _delivered(attempts, specs)
    return images if len(images) == len(specs) else None


def success(images: Mapping[str, KeptImage], claimed: ClaimedTask) -> Ending:
    """The end of a task with all of its images."""
    combined = combine_results(images, claimed.spec)
    return Ending(Status.SUCCESS, consumed=claimed.task.price, result=combined.result, served_by=combined.served_by)


def by_delivery(ending: Ending, claimed: ClaimedTask, attempts: Sequence[Attempt], routing: Routing) -> Ending:
    """The ending with the images that were delivered, each at its price, and with the fields that were not obeyed."""
    if ending.status is not Status.SUCCESS:
        ending = _partly(ending, claimed, _delivered(attempts, claimed.spec.images))
    if ending.status is not Status.SUCCESS:
        return ending
    return replace(ending, ignored=_ignored(claimed.spec, attempts, routing))


def _partly(ending: Ending, claimed: ClaimedTask, images: Mapping[str, KeptImage]) -> Ending:
    """A success with what there is, where each image is of use without the others."""
    if not images or not claimed.spec.are_independent:
        return ending
    asked = claimed.spec.n
    reason = f"{len(images)} of {asked} pictures were made; then: {ending.error_msg}"
    price = claimed.task.price * len(images) // asked
    return replace(success(images, claimed), consumed=price, error_msg=reason if len(images) < asked else None)


def _delivered(attempts: Sequence[Attempt], specs: Sequence[ImageSpec]) -> dict[str, KeptImage]:
    found = {each.part: delivered_image([one for one in attempts if one.part == each.part]) for each in specs}
    return {part: image for part, image in found.items() if image}


def _ignored(spec: TaskSpec, attempts: Sequence[Attempt], routing: Routing) -> tuple[IgnoredField, ...]:
    """What the routes of the delivered images did not obey, each field once."""
    routes = [routing.route_of_attempt(each) for each in attempts if each.result]
    found = [one for route in routes if route for one in obeyed(spec, route).ignored]
    return tuple({each.field: each for each in reversed(found)}.values())[::-1]
