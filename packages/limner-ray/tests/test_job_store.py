"""The jobs on disk: no job is drawn twice, and none is lost."""

from pathlib import Path

import pytest

from limner_ray.job_store import MAX_LOST, JobState, JobStore, OtherJob, TooManyJobs
from limner_ray.order import JobOrder, Reference

PNG = b"\x89PNG a picture"


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> JobStore:
    return JobStore(tmp_path / "state", clock, max_unfinished=3)


def order(job: str = "job-0001", digest: str = "a digest") -> JobOrder:
    return JobOrder(job, "FLUX.1-dev", digest, {"prompt": "a fox"}, (Reference(b"a reference", "image/png", 3, 2),))


def begun(store: JobStore, job: str = "job-0001") -> int:
    attempt = store.send(job)
    assert attempt is not None
    assert store.begin(job, attempt, "a node") is not None
    return attempt


def state(store: JobStore, job: str = "job-0001") -> JobState:
    found = store.find(job)
    assert found is not None
    return found.state


def test_the_same_job_submitted_again_is_drawn_once(store: JobStore) -> None:
    first, is_new = store.submit(order())
    begun(store)
    second, is_new_again = store.submit(order())
    store.finish("job-0001", PNG, "image/png", {"model": "x"})
    third, is_new_at_last = store.submit(order())

    assert (is_new, is_new_again, is_new_at_last) == (True, False, False)
    assert [each.state for each in (first, second, third)] == ["queued", "running", "done"]
    assert store.send("job-0001") is None
    assert store.picture("job-0001") == PNG


def test_another_job_under_the_same_id_is_refused(store: JobStore) -> None:
    store.submit(order())

    with pytest.raises(OtherJob):
        store.submit(order(digest="another"))


def test_a_job_that_failed_or_was_cancelled_is_drawn_again(store: JobStore) -> None:
    store.submit(order())
    attempt = begun(store)
    store.fail("job-0001", attempt, {"kind": "no_image", "message": "black"})
    failed = store.find("job-0001")
    _, is_new = store.submit(order())
    store.cancel("job-0001")
    _, is_new_again = store.submit(order())

    assert failed is not None
    assert failed.error == {"kind": "no_image", "message": "black"}
    assert (is_new, is_new_again) == (True, True)
    assert begun(store) == attempt + 1


def test_whoever_draws_gets_the_order_as_it_was_submitted_and_only_once(store: JobStore) -> None:
    store.submit(order())
    attempt = store.send("job-0001")
    assert attempt is not None

    given = store.begin("job-0001", attempt, "a node")

    assert given == order()
    assert store.begin("job-0001", attempt, "another node") is None


def test_a_void_drawing_cannot_begin_renew_or_fail_the_job_but_its_picture_counts(store: JobStore) -> None:
    store.submit(order())
    old = begun(store)
    assert store.lose("job-0001", old)
    new = begun(store)

    assert new == old + 1
    assert not store.renew("job-0001", old, 50)
    assert not store.fail("job-0001", old, {"kind": "transient", "message": "late"})
    assert not store.lose("job-0001", old)
    assert store.finish("job-0001", PNG, "image/png", {})
    assert not store.finish("job-0001", b"a later picture", "image/png", {})
    assert store.picture("job-0001") == PNG


def test_a_job_that_ends_every_replica_fails(store: JobStore) -> None:
    store.submit(order())

    again = [store.lose("job-0001", begun(store)) for _ in range(MAX_LOST)]

    found = store.find("job-0001")
    assert again == [True] * (MAX_LOST - 1) + [False]
    assert found is not None
    assert found.error == {"kind": "transient", "message": "3 replicas ended while they drew this job"}


def test_a_drawing_that_no_replica_began_does_not_count_as_lost(store: JobStore) -> None:
    store.submit(order())

    for _ in range(MAX_LOST + 1):
        attempt = store.send("job-0001")
        assert attempt is not None
        assert store.lose("job-0001", attempt)


def test_progress_only_grows_while_a_picture_is_drawn(store: JobStore) -> None:
    store.submit(order())
    attempt = begun(store)

    store.renew("job-0001", attempt, 40)
    store.renew("job-0001", attempt, 20)

    found = store.find("job-0001")
    assert found is not None
    assert found.progress == 40


def test_jobs_and_pictures_outlive_the_process(tmp_path: Path, store: JobStore, clock: Clock) -> None:
    for job in ("job-0001", "job-0002", "job-0003"):
        store.submit(order(job))
    begun(store, "job-0001")
    store.finish("job-0001", PNG, "image/png", {"model": "x"})
    begun(store, "job-0002")
    store.close()
    clock.s += 100

    again = JobStore(tmp_path / "state", clock)
    again.renew_leases()

    assert again.picture("job-0001") == PNG
    assert [(each.id, each.state, each.renewed_s) for each in again.unfinished()] == [
        ("job-0002", "running", 1100.0),
        ("job-0003", "queued", 0.0),
    ]


def test_as_many_jobs_wait_as_may(store: JobStore) -> None:
    for number in range(3):
        store.submit(order(f"job-000{number}"))

    with pytest.raises(TooManyJobs):
        store.submit(order("job-0009"))
    store.submit(order("job-0001"))  # one that is known may be asked for


def test_a_cancelled_job_is_not_begun(store: JobStore) -> None:
    store.submit(order())
    attempt = store.send("job-0001")
    assert attempt is not None

    store.cancel("job-0001")

    assert store.begin("job-0001", attempt, "a node") is None
    assert not store.finish("job-0001", PNG, "image/png", {})
    assert state(store) == "cancelled"


def test_pictures_are_kept_for_their_time_and_a_shorter_one_once_they_are_fetched(
    tmp_path: Path, store: JobStore, clock: Clock
) -> None:
    for job, picture in (("fetched", b"one"), ("not-fetched", b"two")):
        store.submit(order(job))
        begun(store, job)
        store.finish(job, picture, "image/png", {})
    store.picture("fetched")
    clock.s += 150

    gone = store.sweep(keep_s=1000, keep_fetched_s=100)
    left = store.find("fetched"), store.picture("not-fetched")
    clock.s += 1000
    gone_later = store.sweep(keep_s=1000, keep_fetched_s=100)

    assert (gone, left, gone_later) == (1, (None, b"two"), 1)
    assert list((tmp_path / "state" / "files").iterdir()) == []


def test_an_acknowledged_job_is_removed_and_one_that_runs_is_not(store: JobStore) -> None:
    store.submit(order())
    refused = store.forget("job-0001")
    begun(store)
    store.finish("job-0001", PNG, "image/png", {})

    assert not refused
    assert store.forget("job-0001")
    assert store.find("job-0001") is None
    assert not store.forget("job-0001")
