"""All jobs on disk: their rows in SQLite, their pictures in files. Blocking; one process at a time uses a folder."""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from limner_ray.order import JobOrder, Reference

MAX_LOST: Final = 3
"""Drawings of one job that may end with their replica: a job that kills whoever draws it must end."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    model TEXT NOT NULL,
    fields TEXT NOT NULL,
    inputs TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    progress INTEGER NOT NULL DEFAULT 0,
    node TEXT NOT NULL DEFAULT '',
    served_by TEXT,
    error TEXT,
    picture TEXT,
    submitted_s REAL NOT NULL,
    renewed_s REAL NOT NULL DEFAULT 0,
    ended_s REAL,
    fetched_s REAL
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, submitted_s);
"""


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


class OtherJob(ValueError):
    """There is another job under this id."""


class TooManyJobs(RuntimeError):
    """As many jobs wait and run as may."""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as callers see it. `attempt` counts its drawings; `node` is where the last one was begun."""

    id: str
    model: str
    state: JobState
    attempt: int
    progress: int
    node: str
    submitted_s: float
    renewed_s: float
    served_by: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    picture: Mapping[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        """The job as JSON."""
        return {
            "id": self.id,
            "model": self.model,
            "status": self.state,
            "progress": self.progress,
            "attempt": self.attempt,
            "node": self.node,
            "served_by": self.served_by,
            "error": self.error,
            "picture": self.picture,
        }


_FACTS: Final = "id, model, state, attempt, progress, node, submitted_s, renewed_s, served_by, error, picture"


class JobStore:
    """`now` is the wall clock in seconds: jobs outlive the process."""

    def __init__(self, folder: Path, now: Callable[[], float], *, max_unfinished: int = 1000) -> None:
        self._folder = folder
        self._now = now
        self._max_unfinished = max_unfinished
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(folder / "jobs.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    # --- callers

    def submit(self, order: JobOrder) -> tuple[StoredJob, bool]:
        """The job under the order's id, and whether it is to be drawn now.

        A job that waits, runs or is done is the same job; one that failed or was cancelled is drawn again. Raises
        `OtherJob` and `TooManyJobs`.
        """
        row = self._db.execute("SELECT digest, state FROM jobs WHERE id = ?", (order.id,)).fetchone()
        if row is not None:
            if row[0] != order.digest:
                raise OtherJob(order.id)
            if JobState(row[1]) not in {JobState.FAILED, JobState.CANCELLED}:
                return self._known(order.id), False
        if len(self.unfinished()) >= self._max_unfinished:
            raise TooManyJobs
        inputs = [self._write(each.content) | _facts(each) for each in order.references]
        self._db.execute(
            "INSERT INTO jobs (id, digest, model, fields, inputs, state, submitted_s) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET state = excluded.state, fields = excluded.fields,"
            " inputs = excluded.inputs, submitted_s = excluded.submitted_s,"
            " lost = 0, progress = 0, error = NULL, ended_s = NULL, fetched_s = NULL",
            (
                *(order.id, order.digest, order.model, json.dumps(order.fields), json.dumps(inputs)),
                *(JobState.QUEUED, self._now()),
            ),
        )
        return self._known(order.id), True

    def find(self, job: str) -> StoredJob | None:
        row = self._db.execute(f"SELECT {_FACTS} FROM jobs WHERE id = ?", (job,)).fetchone()
        return None if row is None else _job(row)

    def picture(self, job: str) -> bytes | None:
        """The picture of a job that is done; the time of the first call is remembered."""
        row = self._db.execute("SELECT picture FROM jobs WHERE id = ?", (job,)).fetchone()
        if row is None or row[0] is None:
            return None
        content: bytes = (self._folder / "files" / json.loads(row[0])["sha256"]).read_bytes()
        self._db.execute("UPDATE jobs SET fetched_s = ? WHERE id = ? AND fetched_s IS NULL", (self._now(), job))
        return content

    def cancel(self, job: str) -> StoredJob | None:
        """The job, cancelled unless it has ended."""
        self._end(job, JobState.CANCELLED, error={"kind": "cancelled", "message": "the job was cancelled"})
        return self.find(job)

    def forget(self, job: str) -> bool:
        """Remove a job that has ended, and its picture. False where there is none, or it has not ended."""
        known = self.find(job)
        if known is None or not known.state.is_end:
            return False
        self._db.execute("DELETE FROM jobs WHERE id = ?", (job,))
        self._sweep_files()
        return True

    # --- who draws

    def send(self, job: str) -> int | None:
        """The number of a new drawing of a job that waits; None where it does not. Earlier ones are void."""
        sent = self._db.execute(
            "UPDATE jobs SET attempt = attempt + 1 WHERE id = ? AND state = ? RETURNING attempt",
            (job, JobState.QUEUED),
        ).fetchone()
        return None if sent is None else int(sent[0])

    def begin(self, job: str, attempt: int, node: str) -> JobOrder | None:
        """The order, for the replica that begins this drawing; None where the drawing is void."""
        begun = self._db.execute(
            "UPDATE jobs SET state = ?, node = ?, renewed_s = ?, progress = 0"
            " WHERE id = ? AND attempt = ? AND state = ? RETURNING digest, model, fields, inputs",
            (JobState.RUNNING, node, self._now(), job, attempt, JobState.QUEUED),
        ).fetchone()
        if begun is None:
            return None
        digest, model, fields, inputs = begun
        return JobOrder(job, model, digest, json.loads(fields), tuple(map(self._reference, json.loads(inputs))))

    def renew(self, job: str, attempt: int, progress: int) -> bool:
        """Renew the lease of a drawing. False where it is void: then the replica stops."""
        renewed = self._db.execute(
            "UPDATE jobs SET renewed_s = ?, progress = max(progress, ?) WHERE id = ? AND attempt = ? AND state = ?",
            (self._now(), progress, job, attempt, JobState.RUNNING),
        )
        return renewed.rowcount == 1

    def finish(self, job: str, picture: bytes, media_type: str, served_by: Mapping[str, Any]) -> bool:
        """Keep a finished picture, of whichever drawing comes first. False where the job has ended already."""
        known = self.find(job)
        if known is None or known.state.is_end:
            return False
        kept = self._write(picture) | {"media_type": media_type}
        return self._end(job, JobState.DONE, picture=kept, served_by=served_by)

    def fail(self, job: str, attempt: int, error: Mapping[str, Any]) -> bool:
        """End a job whose drawing failed, unless that drawing is void."""
        return self._end(job, JobState.FAILED, error=error, attempt=attempt)

    def lose(self, job: str, attempt: int) -> bool:
        """Note that a drawing ended with its replica. True where the job is to be drawn again.

        One that had not begun does not count.
        """
        lost = self._db.execute(
            "UPDATE jobs SET lost = lost + (state = ?), state = ?, progress = 0"
            " WHERE id = ? AND attempt = ? AND state IN (?, ?) RETURNING lost",
            (JobState.RUNNING, JobState.QUEUED, job, attempt, JobState.QUEUED, JobState.RUNNING),
        ).fetchone()
        if lost is None:
            return False
        if lost[0] < MAX_LOST:
            return True
        words = f"{lost[0]} replicas ended while they drew this job"
        self._end(job, JobState.FAILED, error={"kind": "transient", "message": words}, attempt=attempt)
        return False

    def unfinished(self) -> list[StoredJob]:
        """The jobs that wait or run, in the order in which they were submitted."""
        rows = self._db.execute(
            f"SELECT {_FACTS} FROM jobs WHERE state IN (?, ?) ORDER BY submitted_s, id",
            (JobState.QUEUED, JobState.RUNNING),
        )
        return [_job(row) for row in rows]

    def renew_leases(self) -> None:
        """Give every drawing its lease anew: while this process was away, none could be renewed."""
        self._db.execute("UPDATE jobs SET renewed_s = ? WHERE state = ?", (self._now(), JobState.RUNNING))

    def sweep(self, *, keep_s: float, keep_fetched_s: float) -> int:
        """Remove the jobs whose time is over, with their files. Returns their number."""
        now = self._now()
        gone = self._db.execute(
            "DELETE FROM jobs WHERE ended_s < ? OR (ended_s IS NOT NULL AND fetched_s < ?)",
            (now - keep_s, now - keep_fetched_s),
        )
        if gone.rowcount:
            self._sweep_files()
        return gone.rowcount

    # --- within

    def _known(self, job: str) -> StoredJob:
        found = self.find(job)
        assert found is not None  # noqa: S101 - it was written by the caller
        return found

    def _end(
        self,
        job: str,
        state: JobState,
        *,
        error: Mapping[str, Any] | None = None,
        picture: Mapping[str, Any] | None = None,
        served_by: Mapping[str, Any] | None = None,
        attempt: int | None = None,
    ) -> bool:
        ended = self._db.execute(
            "UPDATE jobs SET state = ?, error = ?, picture = ?, served_by = ?, ended_s = ?, progress = ?"
            " WHERE id = ? AND state IN (?, ?) AND (? IS NULL OR attempt = ?)",
            (
                *(state, _text(error), _text(picture), _text(served_by), self._now(), 100),
                *(job, JobState.QUEUED, JobState.RUNNING, attempt, attempt),
            ),
        )
        return ended.rowcount == 1

    def _write(self, content: bytes) -> dict[str, Any]:
        """Keep a file under its hash: written whole and flushed before it has its name."""
        name, folder = sha256(content).hexdigest(), self._folder / "files"
        folder.mkdir(exist_ok=True)
        if not (folder / name).exists():
            part = folder / f"{name}.part"
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(folder / name)
            _flush_folder(folder)
        return {"sha256": name, "bytes": len(content)}

    def _reference(self, kept: Mapping[str, Any]) -> Reference:
        content = (self._folder / "files" / kept["sha256"]).read_bytes()
        return Reference(content, kept["media_type"], kept["width"], kept["height"])

    def _sweep_files(self) -> None:
        """Remove the files that no job names."""
        rows = self._db.execute("SELECT inputs, picture FROM jobs").fetchall()
        named = {each["sha256"] for inputs, _ in rows for each in json.loads(inputs)}
        named |= {json.loads(picture)["sha256"] for _, picture in rows if picture}
        folder = self._folder / "files"
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name not in named:
                file.unlink(missing_ok=True)


def _facts(reference: Reference) -> dict[str, Any]:
    return {"media_type": reference.media_type, "width": reference.width, "height": reference.height}


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(dict(value))


def _job(row: tuple[Any, ...]) -> StoredJob:
    *facts, served_by, error, picture = row
    job, model, state, *rest = facts
    parsed = [None if each is None else json.loads(each) for each in (served_by, error, picture)]
    return StoredJob(job, model, JobState(state), *rest, *parsed)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
