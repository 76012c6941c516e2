"""The four views of a subject, and the prompts that ask a model for one of them."""

from enum import StrEnum


class View(StrEnum):
    """The sides, in the order of the wire."""

    FRONT = "front"
    LEFT = "left"
    BACK = "back"
    RIGHT = "right"


_SEEN_FROM = {
    View.FRONT: "straight from the front",
    View.LEFT: "straight from its own left side, in profile",
    View.BACK: "straight from behind",
    View.RIGHT: "straight from its own right side, in profile",
}

_TURNAROUND = (
    "Draw the subject of image[1] again as one view of a turnaround sheet, seen {seen_from}. It is the same subject in "
    "the same pose: keep its shape, proportions, colours, materials and details, and invent what image[1] does not "
    "show so that it fits. The camera stands level at the middle of its height. The whole subject is in the frame, "
    "upright, centred and as large as in the other views, on a plain white background under even light, without shadow "
    "or text."
)
_CHANGE = (
    "image[1] shows a subject {seen_from}. Change it as follows: {change}\n"
    "Leave all else as it is: the subject, the angle, the framing, the background and the light."
)


def view_prompt(view: View) -> str:
    """The prompt for one view of the subject in the first reference image."""
    return _TURNAROUND.format(seen_from=_SEEN_FROM[view])


def edit_prompt(view: View, change: str) -> str:
    """The prompt for a change to the image of one view."""
    return _CHANGE.format(seen_from=_SEEN_FROM[view], change=change)
