"""The process that draws: reads orders from its standard input, answers on its standard output.

Only this process loads numpy, Pillow and onnxruntime. It ends by itself, at once, when its input closes: that is how
it learns that the parent is gone, however the parent died.
"""

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from limner.ports.low_priority import lower_priority
from limner_builtin import wire

if TYPE_CHECKING:
    from limner_builtin.engine import Engine, EngineRequest

NICENESS = 5


def main() -> None:
    answers = _private_output()
    lower_priority(NICENESS)  # drawing may be slow, answering requests may not
    orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    while True:
        _work(wire.task_of(orders.get()), answers)


def _private_output() -> BinaryIO:
    """Answers get a descriptor of their own, so that no library's print can break the protocol."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _listen(orders: "queue.SimpleQueue[bytes]") -> None:
    for line in sys.stdin.buffer:
        orders.put(line)
    os._exit(0)


def _work(task: wire.EngineTask, answers: BinaryIO) -> None:
    def send(**answer: object) -> None:
        answers.write(wire.encoded({"number": task.number, **answer}))

    try:
        send(**_outcome(task, lambda percent: send(progress=percent)))
    except BrokenPipeError:
        os._exit(0)
    except MemoryError:
        os._exit(70)  # after this nothing in the process can be trusted


def _outcome(task: wire.EngineTask, progress: Callable[[int], None]) -> wire.Line:
    try:
        rendering = _engine().render(_brief(task), progress)
    except (BrokenPipeError, MemoryError):
        raise
    except OSError as error:
        return _failed("bad_input", "A reference picture could not be read.", error)
    except Exception as error:  # noqa: BLE001 - one order's trouble must not end the process
        return _failed("no_image", "The built-in engine could not draw this order.", error)
    try:
        Path(task.out).write_bytes(rendering.data)
    except OSError as error:
        return _failed("transient", "The picture could not be written to the task's folder.", error)
    return {
        "done": {
            "width": rendering.width,
            "height": rendering.height,
            "method": rendering.method,
            "matched": rendering.matched,
            "unmatched": rendering.unmatched,
            "notice": rendering.notice,
        }
    }


def _failed(kind: str, reason: str, error: Exception) -> wire.Line:
    """The whole story goes to the log, the error's name alone to the task: a message may hold a path."""
    traceback.print_exception(error)
    return {"failed": kind, "reason": reason, "detail": type(error).__name__}


def _brief(task: wire.EngineTask) -> "EngineRequest":
    # The first order pays for loading, the start does not.
    from limner_builtin.engine import EngineRequest  # noqa: PLC0415
    from limner_builtin.metadata import ImageForm  # noqa: PLC0415

    return EngineRequest(
        prompt=task.prompt,
        template=task.template,
        t_pose=task.t_pose,
        sketch_to_render=task.sketch_to_render,
        references=tuple(map(Path, task.references)),
        own_references=task.own_references,
        aspect_ratio=task.aspect_ratio,
        view=task.view,
        seed=task.seed,
        size=(task.width, task.height) if task.width and task.height else None,
        form=ImageForm(task.format, task.quality),
    )


@cache
def _engine() -> "Engine":
    from limner_builtin.engine import Engine  # noqa: PLC0415

    return Engine()


if __name__ == "__main__":
    main()
