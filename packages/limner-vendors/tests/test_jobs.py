from fakes import ManualClock
from limner_vendors import EmulatedSpeed
from limner_vendors._core.faults import InjectedFault
from limner_vendors._core.jobs import Jobs, VendorOrder

ORDER = VendorOrder("m", "a cat")


def jobs(clock: ManualClock, **speed: float) -> Jobs:
    return Jobs(EmulatedSpeed(**speed), lambda: clock.ms / 1000)


def test_a_job_is_called_unfinished_so_often_and_its_progress_grows() -> None:
    under_way = jobs(ManualClock(), pending=3)
    job = under_way.open("1", ORDER, InjectedFault())

    assert [under_way.ask(job) for _ in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_a_job_takes_its_time_however_often_it_is_asked_after() -> None:
    clock = ManualClock()
    under_way = jobs(clock, pending=0, seconds=10)
    job = under_way.open("1", ORDER, InjectedFault())

    early = [under_way.ask(job) for _ in range(5)]
    clock.pass_time(10)

    assert max(early) < 1
    assert under_way.ask(job) == 1.0


def test_an_abandoned_job_ends_by_itself() -> None:
    clock = ManualClock()
    under_way = jobs(clock)
    under_way.open("1", ORDER, InjectedFault())

    before = under_way.unfinished()
    clock.pass_time(31)

    assert (before, under_way.unfinished()) == (1, 0)
