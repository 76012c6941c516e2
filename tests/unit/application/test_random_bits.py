import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.application.random_bits import RandomBits

BLOCKS = 100
"""More than one block of bytes holds."""


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_a_number_has_no_more_bits_than_asked_for(sizes: list[int]) -> None:
    bits = RandomBits()

    assert all(0 <= bits(size) < 2**size for size in sizes)


def test_no_bytes_are_given_twice() -> None:
    bits = RandomBits()

    assert len({bits(1024) for _ in range(BLOCKS)}) == BLOCKS


def test_a_number_larger_than_a_block_is_made_too() -> None:
    assert RandomBits()(100_000) >> 99_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is nothing to fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_draws_other_bits() -> None:
    bits = RandomBits()
    bits(8)
    reading, writing = os.pipe()

    if not (child := os.fork()):
        os.write(writing, bits(128).to_bytes(16))
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 16) != bits(128).to_bytes(16)
    os.close(reading)
    os.close(writing)
