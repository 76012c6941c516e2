from limner.domain.routing.failure import RETRIES, Failure, FailureKind

NOT_REPEATED = {
    FailureKind.CONTENT_POLICY,
    FailureKind.BAD_INPUT,
    FailureKind.QUOTA_EXHAUSTED,
    FailureKind.AUTH,
    FailureKind.MODEL_UNAVAILABLE,
    FailureKind.UNSUPPORTED_OUTPUT,
    FailureKind.CANCELLED,
}


def test_every_kind_says_how_often_it_may_be_repeated() -> None:
    assert RETRIES.keys() == set(FailureKind)


def test_what_no_repeat_can_mend_is_not_repeated() -> None:
    assert {kind for kind, retries in RETRIES.items() if not retries} == NOT_REPEATED


def test_a_broken_picture_is_bought_at_most_twice_more_and_an_unknown_outcome_once() -> None:
    assert RETRIES[FailureKind.BAD_OUTPUT] == 2
    assert RETRIES[FailureKind.UNKNOWN_OUTCOME] == 1


def test_a_failure_cost_nothing_unless_it_says_so() -> None:
    failure = Failure(FailureKind.TRANSIENT, "the vendor is down")

    assert (failure.charged, failure.retry_after_s, failure.detail) == (False, None, None)
