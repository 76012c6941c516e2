"""The other side of `GatedEngine`: what is being drawn, and when it ends."""

import json
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

WAIT_S = 60.0


@dataclass(eq=False)
class Drawing:
    """One drawing that waits at the gate. `cut` is set when its engine goes away."""

    prompt: str
    model: str
    references: int
    connection: socket.socket


class Gate:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._waiting: list[Drawing] = []
        self.begun: Counter[str] = Counter()
        self.drawn: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.closed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def wait_for(self, condition: Any) -> None:
        """Wait until `condition` of this gate is true."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), WAIT_S), self.shown()

    def wait_begun(self, *prompts: str, times: int = 1) -> None:
        self.wait_for(lambda gate: all(gate.begun[prompt] >= times for prompt in prompts))

    def release(self, prompt: str, ending: str = "draw") -> None:
        """End the drawings of this prompt that wait."""
        with self._changed:
            for drawing in [each for each in self._waiting if each.prompt == prompt]:
                self._waiting.remove(drawing)
                drawing.connection.sendall(f"{ending}\n".encode())

    def shown(self) -> str:
        waiting = [each.prompt for each in self._waiting]
        return f"begun {self.begun}, drawn {self.drawn}, cut {self.cut}, closed {self.closed}, waiting {waiting}"

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        said = json.loads(lines.readline() or b'{"closed": true}')
        if "closed" in said:
            with self._changed:
                self.closed += 1
                self._changed.notify_all()
            return
        drawing = Drawing(said["prompt"], said["model"], said["references"], connection)
        with self._changed:
            self._waiting.append(drawing)
            self.begun[drawing.prompt] += 1
            self._changed.notify_all()
        try:
            last = lines.readline()
        except OSError:
            last = b""
        with self._changed:
            (self.drawn if last == b"drawn\n" else self.cut)[drawing.prompt] += 1
            if drawing in self._waiting:
                self._waiting.remove(drawing)
            self._changed.notify_all()
