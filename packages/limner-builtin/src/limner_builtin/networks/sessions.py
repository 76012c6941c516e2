"""The neural networks that travel with the package: opened when first asked for, on few threads, without an arena."""

import os
from functools import cache

import numpy as np
from numpy.typing import NDArray

from limner_builtin.assets import model_path

# Since 1.29 the library reports each process and session to its maker from its import on, with an identifier that it
# keeps in ~/.cache/Microsoft. This is its documented way not to (pull request 27379 of microsoft/onnxruntime).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # type: ignore[import-untyped]

Tensor = NDArray[np.float32]
THREADS = 2


@cache
def _session(name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # an arena keeps the peak of every model for ever
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model_path(name), options, providers=["CPUExecutionProvider"])


def run(name: str, *tensors: Tensor) -> list[Tensor]:
    """All outputs of the network for its inputs in their declared order."""
    session = _session(name)
    names = [entry.name for entry in session.get_inputs()]
    outputs: list[Tensor] = session.run(None, dict(zip(names, tensors, strict=True)))
    return outputs


def forget() -> None:
    """Close every network, so that a rare edit does not hold its memory for the life of the process."""
    _session.cache_clear()
