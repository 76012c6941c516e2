"""Run another program as if /etc/hosts led every name that ends in `.ai` to `LIMNER_ADDRESS`."""

import os
import runpy
import socket
import sys
from typing import Any

look_up = socket.getaddrinfo


def by_hosts(host: Any, *more: Any, **rest: Any) -> Any:
    return look_up(os.environ["LIMNER_ADDRESS"] if str(host).endswith(".ai") else host, *more, **rest)


socket.getaddrinfo = by_hosts
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
