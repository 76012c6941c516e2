import io

import pytest
from PIL import Image

from limner_vendors import NoCard, read_bands, read_card, sha_of
from limner_vendors._core.pictures import Design, NotAPicture, draw, draw_grid, look


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_a_card_tells_its_prompt_its_references_in_order_and_its_size(form: str) -> None:
    first, second = (draw(Design(name, size=(300, 200))) for name in ("first", "second"))

    card = read_card(draw(Design("一只猫 on a roof", (look(first), look(second)), (512, 768), form)))

    assert card.prompt_sha == sha_of("一只猫 on a roof")
    assert card.references == (sha_of(first), sha_of(second))
    assert (card.size, card.format) == ((512, 768), form)


def test_the_bands_survive_another_encoding() -> None:
    picture = Image.open(io.BytesIO(draw(Design("a cat", size=(640, 480), variant=3))))
    again = io.BytesIO()
    picture.resize((320, 240)).save(again, "JPEG", quality=60)

    bands = read_bands(Image.open(again))

    assert (bands.prompt_sha12, bands.variant) == (sha_of("a cat")[:12], 3)


def test_each_quarter_of_a_grid_is_a_card_of_its_own() -> None:
    grid = Image.open(io.BytesIO(draw_grid(Design("a cat", size=(800, 600)))))

    quarters = [grid.crop((x, y, x + 400, y + 300)) for y in (0, 300) for x in (0, 400)]

    assert [read_bands(quarter).variant for quarter in quarters] == [1, 2, 3, 4]
    assert {read_bands(quarter).prompt_sha12 for quarter in quarters} == {sha_of("a cat")[:12]}


def test_thumbnails_stand_in_the_order_given() -> None:
    colours = ["red", "blue"]
    pictures = [Image.new("RGB", (200, 200), colour) for colour in colours]
    references = tuple(look(_png(picture)) for picture in pictures)

    card = Image.open(io.BytesIO(draw(Design("x", references, (400, 500))))).convert("RGB")

    shown = [card.getpixel(point) for point in ((100, 350), (300, 350))]
    assert [_strongest(pixel) for pixel in shown] == colours


def test_a_heavy_picture_weighs_what_a_photograph_does_and_is_the_same_each_time() -> None:
    heavy = Design("x", noise=True)

    assert 1_000_000 < len(draw(heavy)) < 5_000_000
    assert draw(heavy) == draw(heavy)


@pytest.mark.parametrize("data", [b"", b"<html>", draw(Design("x"))[:200]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        look(data)


def test_a_foreign_picture_is_no_card() -> None:
    with pytest.raises(NoCard):
        read_card(_png(Image.new("RGB", (10, 10))))


def _strongest(pixel: tuple[int, ...]) -> str:
    return ("red", "green", "blue")[pixel.index(max(pixel))]


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
