"""One file to decode, and the lines in which the decoding process gets jobs and gives answers: a JSON object a line.

JSON and not pickle: the process handles hostile bytes, and its answers must not be able to run anything here.
"""

import base64
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from limner.domain.refusal import Code, Refusal
from limner.intake.image_files import ImageFiles
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected, Normalised

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """A file, or the bytes of a small picture, to verify.

    With `target`, a file to write a clean copy of, or a thumbnail if it is to be `small`.
    """

    source: Path | bytes
    limits: ImageLimits
    target: Path | None = None
    small: bool = False

    def perform(self) -> Inspected | Normalised:
        """Blocking. Raises `Refusal`."""
        files = ImageFiles(self.limits)
        if self.target is None:
            return files.inspect(self.source)
        assert isinstance(self.source, Path)  # noqa: S101 - bytes are only verified
        return (files.thumbnail if self.small else files.normalise)(self.source, self.target)

    def as_line(self) -> bytes:
        target = str(self.target) if self.target else None
        if isinstance(self.source, bytes):
            source = {"bytes": base64.b64encode(self.source).decode()}
        else:
            source = {"source": str(self.source)}
        return encoded(source | {"limits": asdict(self.limits), "target": target, "small": self.small})


def job_of(line: bytes) -> DecodeJob:
    fields = json.loads(line)
    target = Path(fields["target"]) if fields["target"] else None
    source = base64.b64decode(fields["bytes"]) if "bytes" in fields else Path(fields["source"])
    return DecodeJob(source, ImageLimits(**fields["limits"]), target, fields["small"])


def answer_line(job: DecodeJob) -> bytes:
    """Perform the job. A refusal and an error of a file are answers; other errors are raised."""
    try:
        return encoded({"done": _as_json(job.perform())})
    except Refusal as refusal:
        return encoded({"refused": [refusal.code, refusal.reason, refusal.suggestion, refusal.field]})
    except OSError as error:
        return encoded({"os_error": [error.errno, error.strerror]})


def result_of(line: bytes, job: DecodeJob) -> Inspected | Normalised:
    """What an answer says. Raises the `Refusal` or the `OSError` in it."""
    match json.loads(line):
        case {"done": fields}:
            return Normalised(**fields) if job.target else _inspected(**fields)
        case {"refused": [code, reason, suggestion, field]}:
            raise Refusal(Code(code), reason, suggestion=suggestion, field=field)
        case {"os_error": [number, text]}:
            raise OSError(number, text)
    raise ValueError("the decoding process gave an unknown answer")


def _as_json(done: Inspected | Normalised) -> Line:
    phash = {"phash": done.phash.hex() if done.phash else None} if isinstance(done, Inspected) else {}
    return asdict(done) | phash


def _inspected(phash: str | None, **fields: Any) -> Inspected:
    return Inspected(**fields, phash=bytes.fromhex(phash) if phash else None)


def encoded(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"
