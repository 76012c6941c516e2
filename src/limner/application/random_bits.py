"""Random bits for ids and names that are made many times a second."""

import os
import threading

_BLOCK = 4096


class RandomBits:
    """Unpredictable bits of the operating system, fetched many at a time.

    Each fetch gives the interpreter lock away; on a busy server it comes back after other threads have run. Secrets are
    made by `secrets`: what is fetched ahead here stays in memory until it is used.
    """

    def __init__(self) -> None:
        self._locked = threading.Lock()
        self._block = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self, bits: int) -> int:
        """A number below 2 to the power of `bits`."""
        size = (bits + 7) // 8
        with self._locked:
            if self._at + size > len(self._block):
                self._block, self._at = os.urandom(max(_BLOCK, size)), 0
            taken = self._block[self._at : self._at + size]
            self._at += size
        return int.from_bytes(taken) >> (8 * size - bits)

    def _forget(self) -> None:
        """A forked process must not draw what its parent draws."""
        self._locked, self._block, self._at = threading.Lock(), b"", 0


random_bits = RandomBits()
