"""What must hold when all is over, whatever died on the way. Each rule says what is wrong; silence is well."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from crash.chaos.customer import FINAL, Story
from crash.chaos.facts import Account, Attempt, Facts
from crash.chaos.plan import JOBS
from limner_vendors import sha_of

ONE = frozenset({"picture", "bad_output", "no_image"})
"""Outcomes of an order that the vendor did: it stands in his books."""

MAYBE = frozenset({"unknown_outcome", "given_up", "timeout", "content_policy", "transient", "cancelled"})
"""Outcomes of an order that the vendor may have done. Without a charge where he says himself that he failed."""

PAID_FOR_NOTHING = frozenset({*ONE - {"picture"}, *MAYBE})
"""What explains that a vendor was paid, and there is no picture."""

MOST_AGAIN: Mapping[str, int] = {"unknown_outcome": 1, "bad_output": 2, "no_image": 2}
"""How often an order may be followed by another one after it ended so: the policy `resend_once`, and the retries."""

Rule = Callable[[Account], Iterator[str]]


def judge(facts: Facts, stories: Sequence[Story], heard: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """Everything that is wrong, with the task that it is wrong with."""
    wrongs = [f"{wrong} ({_case(account)})" for account in facts.accounts for rule in RULES for wrong in rule(account)]
    wrongs += [f"{each.vendor} sold {each.handle} for nobody's task: {each.prompt!r}" for each in facts.strangers]
    wrongs += [f"a vendor's rule was broken: {each}" for each in facts.violations]
    return [*wrongs, *promises(facts, stories), *messages(facts, heard)]


# --- one task -----------------------------------------------------------------------------------------------------


def one_end(account: Account) -> Iterator[str]:
    if account.status not in FINAL:
        yield f"it is {account.status}"
    ends = [status for status in account.events if status in FINAL]
    if ends != [account.status]:
        yield f"its events tell of the ends {ends}"
    if account.events[:1] != ["queued"] or account.events.count("queued") != 1:
        yield f"its events are {account.events}"


def paid_once(account: Account) -> Iterator[str]:
    price = account.price
    closing = ("settle", 0, -price) if account.status == "success" else ("release", price, -price)
    if list(account.movements) != [("hold", -price, price), closing]:
        yield f"its credits moved {account.movements}"
    if account.consumed != (price if account.status == "success" else 0):
        yield f"it cost {account.consumed} of {price}"


def journal_closed(account: Account) -> Iterator[str]:
    for each in account.attempts:
        if each.state != "closed" or each.outcome is None:
            yield f"attempt {each.number} is {each.state} with outcome {each.outcome}"
    numbers = [each.number for each in account.attempts]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"its attempts are numbered {numbers}"


def purchases_explained(account: Account) -> Iterator[str]:
    """Vendor by vendor: as many purchases as orders that were done, and no more than those that may have been."""
    for vendor in {each.vendor for each in account.purchases} | {each.provider for each in account.attempts}:
        bought = [each for each in account.bought if each.vendor == vendor]
        charged = sum(each.charged for each in bought)
        outcomes = [each.outcome for each in account.attempts if each.provider == vendor]
        least = sum(outcome in ONE for outcome in outcomes)
        most = least + sum(outcome in MAYBE for outcome in outcomes)
        if len(bought) < least:
            yield f"{vendor} sold {len(bought)}, and the journal has {outcomes}"
        if charged > most:
            yield f"{vendor} charged {charged}, and the journal has {outcomes}"


def handles_known(account: Account) -> Iterator[str]:
    """A handle in the journal is a job of that vendor's; a job without one is a purchase that nobody could know of."""
    for vendor in JOBS:
        mine = [each for each in account.attempts if each.provider == vendor]
        sold = [each for each in account.bought if each.vendor == vendor]
        with_handle = [each for each in mine if each.handle]
        unknown = [each for each in with_handle if not any(job.handle in each.handle for job in sold)]
        for each in unknown:
            yield f"attempt {each.number} has a handle that {vendor} never gave: {each.handle}"
        in_the_dark = [job for job in sold if not any(job.handle in each.handle for each in with_handle)]
        dark = [each for each in mine if not each.handle and each.outcome in MAYBE]
        if len(in_the_dark) > len(dark):
            yield f"{vendor} has {len(in_the_dark)} jobs without a handle here, and {len(dark)} orders are in doubt"


def brought_home(account: Account) -> Iterator[str]:
    """What was bought and known is followed to its end, by whoever lives."""
    for each in account.attempts:
        if each.handle and each.outcome in {"unknown_outcome", "given_up"} and not account.cancelled:
            yield f"attempt {each.number} has a handle and ended {each.outcome}"
        if each.brought and account.status != "success":
            yield f"attempt {each.number} brought a picture, and the task is {account.status}"
    if account.status == "success" and not any(each.brought for each in account.attempts):
        yield "it succeeded without a picture in the journal"


def bought_again_as_allowed(account: Account) -> Iterator[str]:
    again = Counter(each.outcome for each in account.attempts[:-1])
    for outcome, most in MOST_AGAIN.items():
        if again[outcome] > most:
            yield f"it was ordered again {again[outcome]} times after {outcome}"
    ordered_after_it = [each for each in account.attempts[:-1] if each.outcome == "picture"]
    if ordered_after_it:
        yield "it was ordered again after a picture"


def loss_explained(account: Account) -> Iterator[str]:
    """A vendor was paid and the task has no picture: the journal says why, and so does the task."""
    if account.status == "success":
        return
    charged = [each for each in account.bought if each.charged]
    reasons = [each for each in account.attempts if each.outcome in PAID_FOR_NOTHING]
    if len(charged) > len(reasons):
        yield f"{len(charged)} purchases are lost, and {len(reasons)} attempts say why"
    if account.status != "success" and not account.error:
        yield f"it is {account.status}, and nothing says why"
    if account.status == "cancelled" and not account.cancelled and account.attempts:
        yield "it is cancelled, and nobody asked for that"


def picks(account: Account) -> Iterator[str]:
    """Of a Midjourney grid one picture is picked, and never twice."""
    picked = len(account.purchases) - len(account.bought)
    grids = sum(each.vendor == "midjourney" for each in account.bought)
    if picked > grids:
        yield f"{picked} pictures were picked of {grids} grids"


RULES: tuple[Rule, ...] = (
    one_end,
    paid_once,
    journal_closed,
    purchases_explained,
    handles_known,
    brought_home,
    bought_again_as_allowed,
    loss_explained,
    picks,
)

# --- what clients and receivers know ------------------------------------------------------------------------------


def promises(facts: Facts, stories: Sequence[Story]) -> Iterator[str]:
    """Every task that was promised is there, is one, and is what its client saw."""
    accounts = {each.id: each for each in facts.accounts}
    promised = Counter(story.task for story in stories)
    for task, count in promised.items():
        if count > 1:
            yield f"{count} clients were promised task {task}"
    for task in accounts.keys() - promised.keys():
        yield f"task {task} was promised to nobody: a repeated request made a second one"
    for story in stories:
        account = accounts.get(story.task)
        if account is None:
            yield f"task {story.task} was promised and is not there"
            continue
        yield from (f"{wrong} ({_case(account)})" for wrong in (*story.wrongs, *_seen(story, account)))


def _seen(story: Story, account: Account) -> Iterator[str]:
    if (story.status, story.consumed) != (account.status, account.consumed):
        yield f"its client saw {story.status} for {story.consumed}"
    if story.status != "success":
        return
    sold_for = {sha_of(each.prompt)[:12] for each in account.bought}
    if story.drawn_for not in sold_for:
        yield f"its picture was drawn for {story.drawn_for!r}, and its vendors were asked for {sorted(sold_for)}"


def messages(facts: Facts, heard: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[str]:
    """One message for each end, sent, and taken by its receiver at least once."""
    by_task = defaultdict(list)
    for name, task, event, state in facts.deliveries:
        by_task[task].append(name)
        if state != "delivered":
            yield f"message {name} about {event} of {task} is {state}"
    for account in facts.accounts:
        names = by_task[account.id]
        if len(names) != 1:
            yield f"{len(names)} messages tell of the end ({_case(account)})"
        for name in names:
            if not heard.get(name):
                yield f"message {name} never arrived ({_case(account)})"
            elif set(heard[name]) != {(account.id, account.status)}:
                yield f"message {name} told {set(heard[name])} ({_case(account)})"


def _case(account: Account) -> str:
    journal = ", ".join(_line(each) for each in account.attempts)
    books = ", ".join(f"{each.vendor}{'' if each.charged else ' free'}" for each in account.purchases)
    return f"{account.id} {account.model} {account.status}; journal: {journal or 'empty'}; books: {books or 'empty'}"


def _line(attempt: Attempt) -> str:
    return f"{attempt.provider} {attempt.outcome}{' by handle' if attempt.handle else ''}"
