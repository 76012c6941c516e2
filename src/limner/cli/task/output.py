"""Where a picture is saved: checked before it is ordered, converted if the name asks for it, never half-written."""

import sys
import tempfile
from pathlib import Path

from limner.domain.refusal import Code, Refusal
from limner.marking.layout import Layout
from limner.marking.layout_file import LayoutFile
from limner.marking.mark import marked_bytes
from limner.marking.xmp import Mark

STDOUT = Path("-")

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

JPEG_QUALITY = 95


def check_output(output: Path | None, *, force: bool) -> None:
    """Raise `Refusal` if a picture could not be saved to `output`: None is the current folder, `-` standard output."""
    if output == STDOUT:
        return
    if output is None:
        _check_folder(Path())
        return
    if output.is_dir():
        raise _refused(f"{output} is a folder", "Name a file in it, such as picture.png.")
    if output.suffix and output.suffix.lower() not in FORMATS:
        raise _refused(f"pictures are not saved as {output.suffix}", f"Use {', '.join(FORMATS)}, or no extension.")
    _check_absent(output, force=force)
    _check_folder(output.parent)


def numbered(path: Path, number: int) -> Path:
    """The name of a further picture beside the first one's: NAME-2.png."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def save(
    source: Path, extension: str, output: Path, *, force: bool, mark: Mark | None = None, layout: Layout | None = None
) -> None:
    """Save a picture of the format `extension` to `output`, as the format that the name of `output` asks for.

    In its own format it is the copy that `layout` makes; in another it gets the `mark`, where there is one. Transparent
    parts become white in a JPEG. Raises `Refusal`; then an existing file is unchanged.
    """
    made_as = FORMATS[f".{extension}"]
    wanted = FORMATS.get(output.suffix.lower(), made_as)
    try:
        if output == STDOUT:
            sys.stdout.buffer.write(_delivered(source, made_as, mark, layout))
            sys.stdout.buffer.flush()
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        _check_absent(output, force=force)
        with tempfile.NamedTemporaryFile(dir=output.parent, suffix=output.suffix, delete=False) as half:
            if made_as == wanted:
                _write_whole(Path(half.name), _delivered(source, made_as, mark, layout))
            else:
                _write(source, Path(half.name), mark, wanted)
        Path(half.name).chmod(0o644)
        Path(half.name).replace(output)
    except OSError as error:
        raise _refused(f"{output} could not be written: {error.strerror or error}", "Name another file.") from None


def _write(source: Path, target: Path, mark: Mark | None, format_: str) -> None:
    try:
        _convert(source, target, format_)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    _write_whole(target, _marked(target, format_, mark))


def _write_whole(target: Path, data: bytes) -> None:
    try:
        target.write_bytes(data)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _delivered(source: Path, made_as: str, mark: Mark | None, layout: Layout | None) -> bytes:
    if layout is None:
        return _marked(source, made_as, mark)
    with source.open("rb") as file:
        return LayoutFile(file, layout).read()


def _marked(source: Path, format_: str, mark: Mark | None) -> bytes:
    data = source.read_bytes()
    return marked_bytes(f"image/{format_.lower()}", data, mark) if mark else data


def _convert(source: Path, target: Path, format_: str) -> None:
    from PIL import Image

    with Image.open(source) as picture:
        converted: Image.Image = picture
        if format_ == "JPEG" and picture.mode != "RGB":
            opaque = Image.new("RGB", picture.size, "white")
            with_alpha = picture.convert("RGBA")
            opaque.paste(with_alpha, mask=with_alpha.getchannel("A"))
            converted = opaque
        options = {"quality": JPEG_QUALITY} if format_ == "JPEG" else {"lossless": True} if format_ == "WEBP" else {}
        converted.save(target, format_, icc_profile=picture.info.get("icc_profile"), **options)


def _check_absent(output: Path, *, force: bool) -> None:
    if output.exists() and not force:
        raise _refused(f"{output} exists", "Name another file, or add --force to overwrite it.")


def _check_folder(folder: Path) -> None:
    """Make the folder if it is missing, and try to write to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(f"nothing can be saved in {folder}: {error.strerror or error}", "Name another file.") from None


def _refused(reason: str, suggestion: str) -> Refusal:
    return Refusal(Code.INVALID, reason, suggestion=suggestion, field="output")
