"""The options of `limner generate` that say how many pictures are made, and which."""

from pathlib import Path
from typing import Annotated

import typer

Number = Annotated[int, typer.Option("-n", help="How many pictures, 1 to 10, each at the price of one.")]
Size = Annotated[str | None, typer.Option("--size", help="1K, 2K, 4K, or WIDTHxHEIGHT in pixels.")]
Aspect = Annotated[str | None, typer.Option("--aspect", help="Preferred aspect ratio as WIDTH:HEIGHT.")]
Quality = Annotated[str | None, typer.Option("--quality", help="low, medium, high, xhigh or max.")]
Background = Annotated[str | None, typer.Option("--background", help="transparent or opaque.")]
Format = Annotated[str | None, typer.Option("--format", help="png, jpeg or webp, as the model is to deliver it.")]
Compression = Annotated[
    int | None, typer.Option("--compression", help="0 to 100, with --format jpeg or webp; 100 is the best quality.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="0 to 2147483647.")]
Previews = Annotated[
    int | None,
    typer.Option(
        "--previews",
        help="1 to 3: save so many previews of each picture while it is made, as NAME-preview-1.png.",
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        help="A picture of the size of the first --file; its transparent parts are drawn anew.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]
