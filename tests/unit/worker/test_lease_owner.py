import os
import subprocess
import sys

from limner.worker.lease_owner import LeaseOwner, is_dead, this_process

ME = LeaseOwner("here", os.getpid(), "run-1")


def test_a_process_tells_itself_from_every_other_run() -> None:
    one, other = this_process(), this_process()

    assert (one.machine, one.pid) == (other.machine, other.pid)
    assert one.run != other.run
    assert str(one) == f"{one.machine}/{os.getpid()}/{one.run}"


def test_i_am_alive() -> None:
    assert not is_dead(str(ME), ME)


def test_an_earlier_process_with_my_number_is_dead() -> None:
    assert is_dead(str(LeaseOwner("here", os.getpid(), "run-0")), ME)


def test_a_process_that_runs_is_alive_and_one_that_ended_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = str(LeaseOwner("here", process.pid, "run-2"))
    while_it_runs = is_dead(owner, ME)
    process.communicate()

    assert not while_it_runs
    assert is_dead(owner, ME)


def test_a_killed_process_that_is_a_zombie_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    unburied = is_dead(str(LeaseOwner("here", process.pid, "run-2")), ME)
    process.communicate()

    assert unburied


def test_of_other_machines_nothing_is_known() -> None:
    assert not is_dead(str(LeaseOwner("elsewhere", 2**22 + 1, "run-2")), ME)


def test_an_owner_of_another_shape_is_left_alone() -> None:
    assert not any(is_dead(owner, ME) for owner in ("", "worker", "here", "here/", "here/x/y", "here//run"))


def test_somebody_else_s_process_is_alive() -> None:
    assert not is_dead(str(LeaseOwner("here", 1, "run-2")), ME)
