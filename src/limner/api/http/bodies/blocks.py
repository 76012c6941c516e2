from collections.abc import AsyncGenerator, AsyncIterator

BLOCK_BYTES = 1024 * 1024
"""A block and the pieces that it is made of fit into what a streamed file is charged (`FILE_MEMORY`)."""


async def in_blocks(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The body in blocks of at least `BLOCK_BYTES`, but for the last: each is handed to a thread."""
    pieces, size = [], 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            block = b"".join(pieces)
            pieces, size = [], 0
            yield block
    yield b"".join(pieces)
