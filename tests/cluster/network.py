"""Hosts as network namespaces on one bridge, whose packets can be dropped.

The process runs in a network and a mount namespace of its own (`make cluster`), which all of it leaves with.
"""

import os
import signal
import socket
import subprocess
from pathlib import Path

BRIDGE = "10.77.0.1"
"""The address of the test itself: of the clients and the receiver of webhooks."""

NETWORK = "10.77.0.0/24"

_RULES = """
table inet faults {{
  set cut {{
    type ipv4_addr
  }}
  chain input {{
    type filter hook input priority 0
    iif lo accept
    {loss}
    ip saddr @cut drop
  }}
  chain output {{
    type filter hook output priority 0
    ip daddr @cut drop
  }}
}}
"""


class Network:
    """`addresses` maps each host's name to its address."""

    def __init__(self) -> None:
        if os.geteuid() != 0 or len(socket.if_nameindex()) > 1:
            raise SystemExit("run `make cluster` as root: it makes the namespaces")
        self.addresses: dict[str, str] = {}
        Path("/run/netns").mkdir(exist_ok=True)
        _run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "bridge", "type", "bridge")
        _run("ip", "addr", "add", f"{BRIDGE}/24", "dev", "bridge")
        _run("ip", "link", "set", "bridge", "up")

    def add(self, name: str) -> str:
        """Make a host; returns its address."""
        number = len(self.addresses) + 11
        address = self.addresses[name] = f"10.77.0.{number}"
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", f"veth{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "link", "set", f"veth{number}", "master", "bridge", "up")
        _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _run("ip", "-n", name, "link", "set", device, "up")
        self.lose(name, 0)
        return address

    def within(self, name: str) -> list[str]:
        """What to put before a command that is to run on a host."""
        return ["ip", "netns", "exec", name]

    def lose(self, name: str, percent: int) -> None:
        """Drop so many of a hundred packets that come to a host. Ends what was cut."""
        loss = f"numgen random mod 100 < {percent} drop" if percent else ""
        _run(*self.within(name), "nft", "flush ruleset")
        _run(*self.within(name), "nft", "-f", "-", given=_RULES.format(loss=loss))

    def cut(self, name: str, *others: str) -> None:
        """Drop all packets between a host and others, without a word to either."""
        elements = ", ".join(self.addresses.get(other, other) for other in others)
        _run(*self.within(name), "nft", f"add element inet faults cut {{ {elements} }}")

    def isolate(self, name: str) -> None:
        """Cut a host from all others, the test included."""
        self.cut(name, BRIDGE, *(other for other in self.addresses if other != name))

    def end(self) -> None:
        """Kill what still runs on any host: some programs outlive the process that started them."""
        for name in self.addresses:
            self.kill_all(name)

    def kill_all(self, name: str) -> None:
        """Kill every process of a host, as a power cut does."""
        pids = subprocess.run(["ip", "netns", "pids", name], check=True, capture_output=True, text=True).stdout.split()
        for pid in map(int, pids):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _run(*command: str, given: str | None = None) -> None:
    subprocess.run(command, check=True, input=given, text=True)
