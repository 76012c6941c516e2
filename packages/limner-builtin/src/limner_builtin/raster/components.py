"""Connected regions of a mask, found by joining the runs of neighbouring rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Region:
    label: int
    area: int
    left: int
    top: int
    right: int
    bottom: int

    def touches_frame(self, width: int, height: int) -> bool:
        return self.left == 0 or self.top == 0 or self.right == width or self.bottom == height


def regions(mask: Mask) -> tuple[Labels, list[Region]]:
    """Labels (0 outside) of the 4-connected regions, and the regions themselves, largest first."""
    rows, starts, stops = _runs(mask)
    parents = list(range(len(rows)))
    for above, below in _touching(rows, starts, stops):
        a, b = _root(parents, above), _root(parents, below)
        parents[max(a, b)] = min(a, b)
    names: dict[int, int] = {}
    labels = np.zeros(mask.shape, np.int32)
    boxes: dict[int, list[int]] = {}
    for run, (row, start, stop) in enumerate(zip(rows, starts, stops, strict=True)):
        label = names.setdefault(_root(parents, run), len(names) + 1)
        labels[row, start:stop] = label
        box = boxes.setdefault(label, [0, start, row, stop, row + 1])
        box[0] += stop - start
        box[1:] = [min(box[1], start), box[2], max(box[3], stop), row + 1]
    found = [Region(label, *box) for label, box in boxes.items()]
    return labels, sorted(found, key=lambda region: (-region.area, region.label))


def enclosed(mask: Mask) -> Mask:
    """The mask with its holes filled: all that cannot be reached from the frame."""
    labels, found = regions(~np.pad(mask, 1))
    height, width = labels.shape
    outside = [region.label for region in found if region.touches_frame(width, height)]
    return ~np.isin(labels, outside)[1:-1, 1:-1]


def _runs(mask: Mask) -> tuple[list[int], list[int], list[int]]:
    steps = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, stops = np.nonzero(steps == -1)
    return rows.tolist(), starts.tolist(), stops.tolist()


def _touching(rows: list[int], starts: list[int], stops: list[int]) -> list[tuple[int, int]]:
    """Pairs of runs in adjacent rows that share a column; a merge of two sorted lists."""
    pairs = []
    above = 0
    for run, row in enumerate(rows):
        while above < run and (rows[above] < row - 1 or (rows[above] == row - 1 and stops[above] <= starts[run])):
            above += 1
        other = above
        while other < run and rows[other] == row - 1 and starts[other] < stops[run]:
            pairs.append((other, run))
            other += 1
    return pairs


def _root(parents: list[int], run: int) -> int:
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run
