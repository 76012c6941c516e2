"""Bodies of `/v1/templates`: a template as JSON, or as a zip of its folder."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool, StrictStr

from limner.application.library.templates import FILE, MOST_FILE_BYTES
from limner.domain.base64_text import TooLong, bytes_of
from limner.domain.prompts.template import MAX_PICTURES
from limner.domain.refusal import Code, Refusal

MOST_FILES = 8
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg"}


def _bytes(text: str) -> str:
    try:
        bytes_of(text, MOST_FILE_BYTES)
    except TooLong:
        raise ValueError(f"the picture is over {MOST_FILE_BYTES:,} bytes") from None
    except ValueError:
        raise ValueError("data is the file's bytes in base64") from None
    return text


class TemplateFile(BaseModel):
    """A picture: new `data`, or the `file` of the current version by its name."""

    data: Annotated[StrictStr, AfterValidator(_bytes)] | None = Field(default=None, description="PNG or JPEG, base64.")
    file: StrictStr | None = Field(default=None, max_length=100, description="A file of the current version.")


def _object_only(value: object) -> object:
    if not isinstance(value, dict | TemplateFile):
        raise ValueError('a picture is an object with its bytes in base64, such as {"data": "…"}')  # noqa: TRY004 - pydantic's
    return value


class TemplateReference(TemplateFile):
    """A picture that is sent with the prompt, after the caller's."""

    role: StrictStr = Field(min_length=1, max_length=200, description='Completes "Image 2: …".')


class EarlierVersion(BaseModel):
    """The version that is used again."""

    version: StrictStr = Field(min_length=1, max_length=64, description="As the list of versions has it.")


class NewTemplate(BaseModel):
    """A template, or a new version of one."""

    title: StrictStr = Field(min_length=1, max_length=80)
    summary: StrictStr = Field(min_length=1, max_length=300)
    text: StrictStr = Field(min_length=1, max_length=2000, description="What precedes the caller's prompt.")
    aspect_ratio: StrictStr | None = Field(default=None, max_length=7, description='Such as "16:9".')
    best_with: list[StrictStr] = Field(default_factory=list, max_length=10, description="Models that suit it.")
    needs_image: StrictBool = Field(default=False, description="It is made to work on a picture of the caller's.")
    pictures: list[Annotated[TemplateReference, BeforeValidator(_object_only)]] = Field(
        default_factory=list, max_length=MAX_PICTURES
    )
    before: Annotated[TemplateFile, BeforeValidator(_object_only)] | None = Field(
        default=None, description="Shows what it does; not sent."
    )
    after: Annotated[TemplateFile, BeforeValidator(_object_only)] | None = None

    def files(self, current: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """The folder of the template. `current` are the files of the current version. Raises `Refusal`."""
        found: dict[str, bytes] = {}
        pictures = [
            (_add(found, current, each, f"picture-{n}", f"pictures[{n - 1}]"), each.role)
            for n, each in enumerate(self.pictures, start=1)
        ]
        shown = {
            name: _add(found, current, each, name, name)
            for name, each in (("before", self.before), ("after", self.after))
            if each
        }
        return {FILE: "\n".join([*self._toml(pictures, shown), ""]).encode(), **found}

    def _toml(self, pictures: list[tuple[str, str]], shown: Mapping[str, str]) -> Iterator[str]:
        """The lines of `template.toml`. A JSON string is a TOML string."""
        values = {"title": self.title, "summary": self.summary, "text": self.text, "aspect_ratio": self.aspect_ratio}
        yield from (f"{name} = {_string(value)}" for name, value in values.items() if value is not None)
        if self.best_with:
            yield f"best_with = [{', '.join(map(_string, self.best_with))}]"
        yield f"needs_image = {str(self.needs_image).lower()}"
        yield from (f"{name} = {_string(file)}" for name, file in shown.items())
        for file, role in pictures:
            yield from ("", "[[pictures]]", f"file = {_string(file)}", f"role = {_string(role)}")


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _add(found: dict[str, bytes], current: Mapping[str, bytes], picture: TemplateFile, name: str, field: str) -> str:
    """Add the picture to the folder; returns its file name."""
    if (picture.data is None) is (picture.file is None):
        raise _refused(field, "exactly one of data and file is needed", "Send the bytes in base64 as data.")
    if picture.file is not None:
        if picture.file not in current or picture.file == FILE:
            raise _refused(
                field, f"there is no file {picture.file!r}", "Name a file of the current version, or send data."
            )
        found[picture.file] = current[picture.file]
        return picture.file
    data = bytes_of(picture.data or "", MOST_FILE_BYTES)
    extension = next((each for signature, each in _SIGNATURES.items() if data.startswith(signature)), "bin")
    found[f"{name}.{extension}"] = data
    return f"{name}.{extension}"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of a template's folder. Blocking."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def picture_type(content: bytes) -> str:
    """The media type of a template's picture."""
    return "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"


def unzipped(path: Path | IO[bytes]) -> Mapping[str, bytes]:
    """The files of a zip of a template's folder. Blocking. Raises `Refusal`."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            if len(entries) > MOST_FILES or any(each.file_size > MOST_FILE_BYTES for each in entries):
                raise _refused(
                    "body",
                    "the archive is too large",
                    f"It may hold {MOST_FILES} files of {MOST_FILE_BYTES:,} bytes each.",
                )
            files = {Path(each.filename).name: _read(archive, each) for each in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _refused("body", f"it is no zip archive: {error}", "Send a zip of the template's folder.") from None
    if FILE not in files:
        raise _refused("body", f"there is no {FILE} in it", "Send a zip of the template's folder.")
    return files


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The file's bytes, no more than the limit whatever its header says."""
    with archive.open(entry) as file:
        return file.read(MOST_FILE_BYTES + 1)


def _refused(field: str, reason: str, remedy: str) -> Refusal:
    return Refusal(Code.INVALID, reason, suggestion=remedy, field=field)
