from limner.application.accounts.rate_limiters import RateLimiters
from limner.domain.accounts.rate_limit import RateLimit

TWO = RateLimit(2, 60)


def test_everybody_has_a_bucket_of_his_own() -> None:
    buckets = RateLimiters()

    assert [buckets.take(who, TWO, 0).granted for who in ("ada", "ada", "ada", "eve")] == [True, True, False, True]


def test_a_look_takes_nothing() -> None:
    buckets = RateLimiters()
    for _ in range(10):
        buckets.peek("ada", TWO, 0)

    assert buckets.take("ada", TWO, 0).left == 1
    assert buckets.peek("ada", TWO, 0).granted


def test_memory_has_an_end_and_who_was_not_seen_for_longest_is_forgotten() -> None:
    buckets = RateLimiters(most=3)
    for _ in range(3):
        buckets.take("busy", TWO, 0)
    for n in range(100):
        buckets.take(f"passer-by {n}", TWO, 0)
        buckets.take("busy", TWO, 0)

    assert len(buckets) == 3
    assert not buckets.take("busy", TWO, 0).granted
    assert buckets.take("passer-by 0", TWO, 0).left == 1
