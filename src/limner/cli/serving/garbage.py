"""Settings of Python's garbage collector for a process that serves."""

import gc

NEW_OBJECTS = 10_000
"""Objects made before the youngest generation is looked through. Python's 700 is one look for every two requests."""


def exempt_startup_objects() -> None:
    """Leave what the start made out of every later collection: modules, routes and settings live until the end.

    Call it once, when the process is ready.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
