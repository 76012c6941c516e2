"""Finding a face with BlazeFace, on photographs and on cartoons alike; Face Mesh tells a person's from a cat's."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from limner_builtin.networks.sessions import run
from limner_builtin.raster.pixels import Pixels, resized

SIDE = 128
LEAST_SCORE = 0.6
MESH_SIDE = 192
MESH_WINDOW = 1.5
"""Side of the square that Face Mesh looks at, in sizes of the face."""

ANCHORS = ((8, 2), (16, 6))
"""Stride of each feature map, and how many anchors sit in each of its cells."""


@dataclass(frozen=True, slots=True)
class FacePose:
    """In pixels of the picture. `eyes` is the point between them."""

    x: float
    y: float
    width: float
    height: float
    eyes: tuple[float, float]
    mouth: tuple[float, float]
    score: float

    @property
    def chin(self) -> float:
        return self.mouth[1] + (self.mouth[1] - self.eyes[1]) * 0.62

    @property
    def upright(self) -> bool:
        """The mouth lies well below the eyes, as in no cup and no wheel."""
        return (
            self.mouth[1] - self.eyes[1] > 0.18 * self.height and abs(self.mouth[0] - self.eyes[0]) < 0.3 * self.width
        )

    def moved(self, right: float, down: float) -> "FacePose":
        return replace(
            self, x=self.x + right, y=self.y + down,
            eyes=(self.eyes[0] + right, self.eyes[1] + down), mouth=(self.mouth[0] + right, self.mouth[1] + down),
        )  # fmt: skip


def face_of(picture: Pixels, alpha: Pixels) -> FacePose | None:
    """The face of a subject: looked for in the whole picture, then close up where a standing figure has its head."""
    return face_in(picture) or _close_up(picture, alpha)


def is_human(picture: Pixels, face: FacePose) -> bool:
    """Whether the face is a person's, drawn or photographed."""
    side = max(8, int(max(face.width, face.height) * MESH_WINDOW))
    left, top = int(face.x - side / 2), int(face.y - side / 2)
    padded = np.pad(picture, ((side, side), (side, side), (0, 0)), mode="edge")
    window = np.ascontiguousarray(padded[top + side : top + 2 * side, left + side : left + 2 * side])
    shown = resized(window, MESH_SIDE, MESH_SIDE, Image.Resampling.BOX)
    presence = next(out for out in run("face_landmark", shown[None].astype(np.float32)) if out.size == 1)
    return float(presence.ravel()[0]) > 0  # a logit


def _close_up(picture: Pixels, alpha: Pixels) -> FacePose | None:
    rows, columns = np.nonzero((alpha > 0.5).any(1))[0], np.nonzero((alpha > 0.5).any(0))[0]
    if not rows.size:
        return None
    top, left, right = int(rows[0]), int(columns[0]), int(columns[-1]) + 1
    side = max(32, int(min(rows[-1] - top, max(right - left, (rows[-1] - top) * 0.4))))
    top, left = max(0, top - side // 8), max(0, (left + right - side) // 2)
    found = face_in(np.ascontiguousarray(picture[top : top + side, left : left + side]))
    return None if found is None else found.moved(left, top)


def face_in(picture: Pixels, least: float = LEAST_SCORE) -> FacePose | None:
    height, width = picture.shape[:2]
    side = max(height, width)
    square = np.full((side, side, 3), 0.94, np.float32)
    square[:height, :width] = picture
    small = resized(square, SIDE, SIDE, Image.Resampling.BOX) * 2 - 1
    outputs = run("face_detection_short_range", np.ascontiguousarray(small[None], np.float32))
    boxes = next(out for out in outputs if out.shape[-1] == 16)[0]
    scores = 1 / (1 + np.exp(-np.clip(next(out for out in outputs if out.shape[-1] == 1)[0, :, 0], -60, 60)))
    best = int(scores.argmax())
    if scores[best] < least:
        return None
    face = _face(boxes[best], _anchors()[best], side, float(scores[best]))
    return face if face.upright else None


def _face(box: np.ndarray, anchor: np.ndarray, side: int, score: float) -> FacePose:
    x, y = (anchor + box[:2] / SIDE) * side
    width, height = box[2:4] / SIDE * side
    points = (box[4:].reshape(6, 2) / SIDE + anchor) * side
    eyes = (points[0] + points[1]) / 2
    return FacePose(
        float(x), float(y), float(width), float(height),
        (float(eyes[0]), float(eyes[1])), (float(points[3][0]), float(points[3][1])), score,
    )  # fmt: skip


def _anchors() -> np.ndarray:
    anchors = []
    for stride, many in ANCHORS:
        cells = SIDE // stride
        for row in range(cells):
            for column in range(cells):
                anchors += [((column + 0.5) / cells, (row + 0.5) / cells)] * many
    return np.array(anchors, np.float32)
