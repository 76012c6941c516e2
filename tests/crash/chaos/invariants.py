"""The invariants of a chaos run. Each rule yields a sentence per violation."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from crash.chaos.client import FINAL, ClientRecord
from crash.chaos.plan import JOBS
from crash.chaos.records import Attempt, RunRecords, TaskRecord
from limner.db.tables.attempts import LATE_HANDLE, LATE_PICTURE
from limner_vendors import sha_of

DONE = frozenset({"picture", "bad_output", "no_image", "unsupported_output"})
"""Outcomes of an order that the vendor carried out and recorded."""

MAYBE_DONE = frozenset({"unknown_outcome", "given_up", "timeout", "content_policy", "transient", "cancelled"})
"""Outcomes of an order that the vendor may have carried out; failed jobs are recorded without a charge."""

PAID_WITHOUT_PICTURE = frozenset({*DONE - {"picture"}, *MAYBE_DONE})
"""Outcomes that explain a charge without a picture."""

MOST_REPEATS: Mapping[int, frozenset[str]] = {
    1: frozenset({"unknown_outcome"}),
    2: frozenset({"bad_output", "no_image"}),
}
"""How often an order may be repeated after these outcomes together: the policy `resend_once`, and useless answers."""

Rule = Callable[[TaskRecord], Iterator[str]]


def find_violations(
    records: RunRecords,
    client_records: Sequence[ClientRecord],
    received: Mapping[str, Sequence[tuple[str, str]]],
) -> list[str]:
    """All violations, each with the task it belongs to."""
    violations = [
        f"{violation} ({_describe(task)})" for task in records.tasks for rule in RULES for violation in rule(task)
    ]
    violations += [
        f"{each.vendor} sold {each.handle} for no known task: {each.prompt!r}" for each in records.unmatched_purchases
    ]
    violations += [f"a vendor's rule was broken: {each}" for each in records.violations]
    return [*violations, *client_violations(records, client_records), *webhook_violations(records, received)]


# --- one task -----------------------------------------------------------------------------------------------------


def one_end(task: TaskRecord) -> Iterator[str]:
    if task.status not in FINAL:
        yield f"it is {task.status}"
    ends = [status for status in task.events if status in FINAL]
    if ends != [task.status]:
        yield f"its final events are {ends}"
    if task.events[:1] != ["queued"] or task.events.count("queued") != 1:
        yield f"its events are {task.events}"


def paid_once(task: TaskRecord) -> Iterator[str]:
    """All of the price for all of the pictures; of several, the price of those that were delivered.

    Of a picture that came after its order had been closed either holds: its task had ended, or was still to end.
    """
    price, cost = task.price, task.consumed
    if cost not in {_cost(task, count) for count in range(task.delivered_in_time, task.delivered + 1)}:
        yield f"it cost {cost} of {price}"
    closing = ("settle", price - cost, -price) if task.status == "success" else ("release", price, -price)
    if list(task.movements) != [("hold", -price, price), closing]:
        yield f"its credits moved {task.movements}"


def _cost(task: TaskRecord, delivered: int) -> int:
    """The price of so many of its pictures."""
    if task.status != "success":
        return 0
    return task.price if task.pictures == 1 else round(task.price * delivered / task.pictures)


def journal_closed(task: TaskRecord) -> Iterator[str]:
    for each in task.attempts:
        if each.state != "closed" or each.outcome is None:
            yield f"attempt {each.number} is {each.state} with outcome {each.outcome}"
    for part in task.parts:
        numbers = [each.number for each in part]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"its attempts are numbered {numbers}"


def purchases_explained(task: TaskRecord) -> Iterator[str]:
    """Per vendor: at least as many purchases as orders done, at most as many charges as orders possibly done."""
    for vendor in {each.vendor for each in task.purchases} | {each.provider for each in task.attempts}:
        orders = [each for each in task.orders if each.vendor == vendor]
        charged = sum(each.charged for each in orders)
        outcomes = [each.outcome for each in task.attempts if each.provider == vendor]
        least = sum(outcome in DONE for outcome in outcomes)
        most = least + sum(outcome in MAYBE_DONE for outcome in outcomes)
        if len(orders) < least:
            yield f"{vendor} sold {len(orders)}, and the journal has {outcomes}"
        if charged > most:
            yield f"{vendor} charged {charged}, and the journal has {outcomes}"


def handles_known(task: TaskRecord) -> Iterator[str]:
    """Each handle in the journal belongs to a job of that vendor; each job without one matches an order in doubt."""
    for vendor in JOBS:
        mine = [each for each in task.attempts if each.provider == vendor]
        sold = [each for each in task.orders if each.vendor == vendor]
        with_handle = [each for each in mine if each.handle]
        unknown = [each for each in with_handle if not any(job.handle in each.handle for job in sold)]
        for each in unknown:
            yield f"attempt {each.number} has a handle that {vendor} never gave: {each.handle}"
        unknown_jobs = [job for job in sold if not any(job.handle in each.handle for each in with_handle)]
        in_doubt = [each for each in mine if not each.handle and each.outcome in MAYBE_DONE]
        if len(unknown_jobs) > len(in_doubt):
            yield f"{vendor} has {len(unknown_jobs)} jobs not in the journal, and {len(in_doubt)} orders are in doubt"


def known_purchases_completed(task: TaskRecord) -> Iterator[str]:
    """A purchase whose handle is journaled is completed, and its picture ends the task with success.

    A worker that was cut off from the database writes a handle or a picture after another one has closed the attempt,
    and says so.
    """
    for each in task.attempts:
        late = LATE_HANDLE in each.detail
        if each.handle and each.outcome in {"unknown_outcome", "given_up"} and not (task.cancelled or late):
            yield f"attempt {each.number} has a handle and ended {each.outcome}"
        if each.delivered and task.status != "success" and LATE_PICTURE not in each.detail:
            yield f"attempt {each.number} delivered a picture, and the task is {task.status}"
    if task.status == "success" and not any(each.delivered for each in task.attempts):
        yield "it succeeded without a picture in the journal"
    if task.status == "success" and task.delivered < task.pictures and not task.error:
        yield f"it succeeded with {task.delivered} of {task.pictures} pictures, without an error message"


def bought_again_as_allowed(task: TaskRecord) -> Iterator[str]:
    """For each picture."""
    for part in task.parts:
        again = Counter(each.outcome for each in part[:-1])
        for most, outcomes in MOST_REPEATS.items():
            if (times := sum(again[outcome] for outcome in outcomes)) > most:
                yield f"it was ordered again {times} times after {' or '.join(sorted(outcomes))}"
        if any(each.outcome == "picture" for each in part[:-1]):
            yield "it was ordered again after a picture"


def lost_purchases_explained(task: TaskRecord) -> Iterator[str]:
    """Where a vendor was paid and the task has no picture, the journal and the task give the reason."""
    if task.status == "success":
        return
    charged = [each for each in task.orders if each.charged]
    reasons = [each for each in task.attempts if each.outcome in PAID_WITHOUT_PICTURE]
    if len(charged) > len(reasons):
        yield f"{len(charged)} charges without a picture, and {len(reasons)} attempts that explain them"
    if task.status != "success" and not task.error:
        yield f"it is {task.status}, without an error message"
    if task.status == "cancelled" and not task.cancelled and task.attempts:
        yield "it is cancelled, although no client cancelled it"


def one_upscale_a_grid(task: TaskRecord) -> Iterator[str]:
    """At most one picture of each Midjourney grid is upscaled."""
    picked = len(task.purchases) - len(task.orders)
    grids = sum(each.vendor == "midjourney" for each in task.orders)
    if picked > grids:
        yield f"{picked} upscales of {grids} grids"


RULES: tuple[Rule, ...] = (
    one_end,
    paid_once,
    journal_closed,
    purchases_explained,
    handles_known,
    known_purchases_completed,
    bought_again_as_allowed,
    lost_purchases_explained,
    one_upscale_a_grid,
)

# --- clients and webhooks -------------------------------------------------------------------------------------------


def client_violations(records: RunRecords, client_records: Sequence[ClientRecord]) -> Iterator[str]:
    """Each accepted task exists once and is as its client saw it."""
    tasks = {each.id: each for each in records.tasks}
    promised = Counter(record.task for record in client_records)
    for task, count in promised.items():
        if count > 1:
            yield f"{count} clients have task {task}"
    for task in tasks.keys() - promised.keys():
        yield f"task {task} belongs to no client: a repeated request created a second task"
    for record in client_records:
        task = tasks.get(record.task)
        if task is None:
            yield f"task {record.task} was accepted and does not exist"
            continue
        yield from (f"{violation} ({_describe(task)})" for violation in (*record.violations, *_seen(record, task)))


def _seen(record: ClientRecord, task: TaskRecord) -> Iterator[str]:
    if (record.status, record.consumed) != (task.status, task.consumed):
        yield f"its client saw {record.status} for {record.consumed}"
    if record.status != "success":
        return
    if task.pictures > 1 and (
        not task.delivered_in_time <= record.links <= task.delivered or _cost(task, record.links) != task.consumed
    ):
        yield f"its client got {record.links} links, and {task.delivered} of its pictures were delivered"
    sold_for = {sha_of(each.prompt)[:12] for each in task.orders}
    if record.prompt_sha12 not in sold_for:
        yield f"its picture shows the prompt {record.prompt_sha12!r}, and its vendors received {sorted(sold_for)}"


def webhook_violations(records: RunRecords, received: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[str]:
    """Each ended task has one message, delivered at least once."""
    by_task = defaultdict(list)
    for name, task, event, state in records.deliveries:
        by_task[task].append(name)
        if state != "delivered":
            yield f"message {name} about {event} of {task} is {state}"
    for task in records.tasks:
        names = by_task[task.id]
        if len(names) != 1:
            yield f"{len(names)} messages for one end ({_describe(task)})"
        for name in names:
            if not received.get(name):
                yield f"message {name} never arrived ({_describe(task)})"
            elif set(received[name]) != {(task.id, task.status)}:
                yield f"message {name} contained {set(received[name])} ({_describe(task)})"


def _describe(task: TaskRecord) -> str:
    journal = ", ".join(_line(each) for each in task.attempts)
    sold = ", ".join(f"{each.vendor}{'' if each.charged else ' free'}" for each in task.purchases)
    return f"{task.id} {task.model} {task.status}; journal: {journal or 'empty'}; purchases: {sold or 'none'}"


def _line(attempt: Attempt) -> str:
    return f"{attempt.provider} {attempt.outcome}{' by handle' if attempt.handle else ''}"
