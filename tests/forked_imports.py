"""Imported by the fork server of `forked.py`: what commands import, with no terminal that Rich could find."""

import importlib
import os

_nowhere = os.open(os.devnull, os.O_RDWR)
for _fd in (0, 1):
    os.dup2(_nowhere, _fd)

import limner.__main__  # noqa: E402
import limner.asgi  # noqa: E402
import limner.cli.serving.garbage  # noqa: E402
import limner.cli.serving.uvicorn_server  # noqa: E402, F401
from limner.cli.app import COMMANDS, FAMILIES  # noqa: E402

for _modules in (COMMANDS.values(), *FAMILIES.values()):
    for _module in _modules:
        importlib.import_module(f"limner.cli.{_module}")
