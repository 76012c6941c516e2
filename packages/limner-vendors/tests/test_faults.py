import pytest

from limner_vendors import BadFault, Fault, FaultKind, Faults
from limner_vendors._core.faults import prompt_faults
from limner_vendors.failures import FAILURES, SECTIONS, FailureCase


def faults(seed: int = 0) -> Faults:
    return Faults("bfl", {FaultKind.MODERATED, FaultKind.FAILED}, seed)


def applies(script: Faults, count: int, prompt: str = "a cat") -> list[bool]:
    return [FaultKind.UNAVAILABLE in script.for_request("submit", prompt) for _ in range(count)]


def test_a_fault_strikes_the_next_request_once() -> None:
    script = faults()
    script.add(Fault(FaultKind.UNAVAILABLE))

    assert applies(script, 3) == [True, False, False]
    assert script.scripted() == []


def test_a_fault_strikes_the_request_of_its_number_as_often_as_it_says() -> None:
    script = faults()
    script.add(Fault(FaultKind.UNAVAILABLE, at=2, times=2))

    assert applies(script, 5) == [False, True, True, False, False]


def test_a_fault_without_an_end_strikes_for_ever() -> None:
    script = faults()
    script.add(Fault(FaultKind.UNAVAILABLE, times=None))

    assert applies(script, 20) == [True] * 20


def test_chance_repeats_with_its_seed() -> None:
    first, second = faults(7), faults(7)
    for script in (first, second):
        script.add(Fault(FaultKind.UNAVAILABLE, times=None, probability=0.5))

    applied = applies(first, 200)

    assert applied == applies(second, 200)
    assert 60 < sum(applied) < 140


def test_a_fault_can_be_kept_to_prompts_and_stages() -> None:
    script = faults()
    script.add(Fault(FaultKind.UNAVAILABLE, on="poll", prompt="dog", times=None))

    assert FaultKind.UNAVAILABLE not in script.for_request("submit", "a dog")
    assert FaultKind.UNAVAILABLE not in script.for_request("poll", "a cat")
    assert FaultKind.UNAVAILABLE in script.for_request("poll", "a dog")


def test_requests_are_counted_by_stage() -> None:
    script = faults()
    for stage in ("submit", "poll", "poll"):
        script.for_request(stage, "a cat")

    assert script.requests == {"submit": 1, "poll": 2}


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("#fault:moderated", Fault(FaultKind.MODERATED, times=None)),
        ("#fault:slow=2.5", Fault(FaultKind.SLOW, times=None, value=2.5)),
        ("#fault:bfl/unavailable*2", Fault(FaultKind.UNAVAILABLE, times=2)),
        ("#fault:rate_limited=3@poll", Fault(FaultKind.RATE_LIMITED, on="poll", times=None, value=3)),
        ("#fault:text_only=MAX_TOKENS", Fault(FaultKind.TEXT_ONLY, times=None, how="MAX_TOKENS")),
        ("#fault:rate_limited=3:text*2", Fault(FaultKind.RATE_LIMITED, times=2, value=3, how="text")),
        ("#fault:hold:half@delivery", Fault(FaultKind.HOLD, on="delivery", times=None, how="half")),
    ],
)
def test_a_magic_word_is_a_fault(word: str, fault: Fault) -> None:
    assert prompt_faults(f"a cat {word}, on a roof", "bfl") == [fault]


@pytest.mark.parametrize("row", [row for row in FAILURES if row.fault], ids=lambda row: f"{row.vendor}: {row.says}")
def test_every_failure_of_the_table_has_a_word_of_its_own(row: FailureCase) -> None:
    assert row.fault
    emulator = SECTIONS[row.vendor].emulator

    assert prompt_faults(f"a cat {row.fault.word(emulator)} on a roof", emulator) == [row.fault]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.UNAVAILABLE, times=2),
        Fault(FaultKind.RATE_LIMITED, on="poll", times=1, value=2.5, how="body"),
        Fault(FaultKind.HOLD, on="delivery", times=None, how="half"),
    ],
)
def test_the_word_of_a_fault_asks_for_that_fault(fault: Fault) -> None:
    assert prompt_faults(fault.word("fal"), "fal") == [fault]


def test_a_moment_that_nobody_knows_cannot_be_held() -> None:
    with pytest.raises(BadFault, match="'later'"):
        Fault(FaultKind.HOLD, how="later")


def test_a_magic_word_for_another_vendor_is_passed_over() -> None:
    assert prompt_faults("#fault:openai/unavailable", "bfl") == []


def test_a_magic_word_counts_for_its_own_prompt() -> None:
    script = faults()

    assert applies(script, 3, "a #fault:unavailable*2") == [True, True, False]
    assert applies(script, 1, "b #fault:unavailable*2") == [True]


def test_a_kind_that_this_vendor_does_not_know_is_passed_over_in_a_prompt_and_refused_in_a_script() -> None:
    script = faults()

    assert script.for_request("submit", "#fault:text_only").faults == ()
    with pytest.raises(BadFault, match="bfl knows no text_only"):
        script.add(Fault(FaultKind.TEXT_ONLY))


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "nonsense"},
        {"kind": "slow", "where": "submit"},
        {"kind": "slow", "on": "night"},
        {"kind": "moderated", "on": "poll"},
        {},
    ],
)
def test_a_fault_that_cannot_be_is_refused(facts: dict[str, str]) -> None:
    with pytest.raises(BadFault):
        Fault.parse(facts)


def test_a_misspelt_magic_word_is_refused() -> None:
    with pytest.raises(BadFault, match="nonsense"):
        faults().for_request("submit", "#fault:nonsense")
