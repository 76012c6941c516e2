from collections.abc import AsyncGenerator, AsyncIterator

BLOCK_BYTES = 256 * 1024


async def in_blocks(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The body in blocks of at least `BLOCK_BYTES`, but for the last: each is handed to a thread."""
    block = bytearray()
    async for piece in body:
        block += piece
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)
