"""`limner webhooks`: an account's webhooks and their deliveries."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.cli.terminal import LOCAL, Account, Data, Json, err, fail, out, print_json, table, when, with_limner
from limner.domain.ids import DeliveryId, WebhookId
from limner.domain.webhook import FINAL_EVENTS, SELECTABLE_EVENTS, DeliveryState

if TYPE_CHECKING:
    from limner.application.webhooks.manage import CreatedWebhook, DeliveryHistory
    from limner.bootstrap import Limner
    from limner.db.records import Records
    from limner.db.tables.deliveries import Delivery
    from limner.db.tables.webhooks import Webhook
    from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered

app = typer.Typer(help="Webhooks: messages when tasks end.", no_args_is_help=True)

WebhookArgument = Annotated[str, typer.Argument(help="The webhook's id, as `limner webhooks list` shows it.")]


@app.command("add")
def add(
    url: Annotated[str | None, typer.Argument(help="A public https address.")] = None,
    per_task: Annotated[
        bool, typer.Option("--per-task", help="Serve the `webhook_url` of tasks, instead of a URL.")
    ] = False,
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event", help=f"One of {', '.join(SELECTABLE_EVENTS)}; may be repeated. Default: the ends of tasks."
        ),
    ] = None,
    description: Annotated[str, typer.Option("--description", help="A label of your own.")] = "",
    account: Account = LOCAL,
    data: Data = None,
    json: Json = False,
) -> None:
    """Add a webhook to an account. Its secret is shown once."""
    from limner.application.accounts.manage import named

    if (url is None) is not per_task:
        fail("give either a URL or --per-task", json=json, code=2)

    async def work(limner: "Limner") -> "CreatedWebhook":
        owner = await limner.store.read(lambda records: named(records, account).id)
        return await limner.webhooks.add(owner, url, event or (), description)

    made = with_limner(data, work, json=json)
    if json:
        print_json(_facts(made.webhook) | {"secret": made.secret})
        return
    out.print(made.secret, soft_wrap=True)
    err.print(f"Webhook {made.webhook.id} receives {', '.join(made.webhook.events)}.", soft_wrap=True)
    err.print("The line above is its secret, by which the receiver checks signatures. Keep it: it is not shown again.")


@app.command("list")
def list_webhooks(account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """List an account's webhooks, without their secrets."""
    from limner.application.accounts.manage import named

    def work(records: "Records") -> "Sequence[Webhook]":
        return records.webhooks.of(named(records, account).id)

    found = with_limner(data, lambda limner: limner.store.read(work), json=json)
    if json:
        print_json([_facts(each) for each in found])
        return
    rows = [(w.id, _state(w), _events(w), w.url or "webhook_url of each task") for w in found]
    table("ID", "STATE", "EVENTS", "URL", rows=rows, empty="No webhooks yet: limner webhooks add URL")


@app.command("remove")
def remove(webhook: WebhookArgument, data: Data = None, json: Json = False) -> None:
    """Remove a webhook. Pending messages are dropped."""
    gone = with_limner(data, lambda limner: limner.webhooks.remove(None, WebhookId(webhook)), json=json)
    if json:
        print_json({"webhook": gone.id, "removed": True})
    else:
        out.print("Removed.")


@app.command("enable")
def enable(webhook: WebhookArgument, data: Data = None, json: Json = False) -> None:
    """Send again to a webhook that was disabled because its receiver answered 410."""
    found = with_limner(data, lambda limner: limner.webhooks.enable(None, WebhookId(webhook)), json=json)
    if json:
        print_json(_facts(found))
    else:
        out.print("Enabled, from the next event on. `limner webhooks replay` sends what it missed before.")


@app.command("rotate")
def rotate(
    webhook: WebhookArgument,
    overlap: Annotated[
        float, typer.Option("--overlap", min=0, help="Hours for which messages carry the old secret's signature too.")
    ] = 24.0,
    data: Data = None,
    json: Json = False,
) -> None:
    """Give a webhook a new secret, which is shown once."""
    made = with_limner(data, lambda limner: limner.webhooks.rotate(None, WebhookId(webhook), overlap), json=json)
    if json:
        print_json(_facts(made.webhook) | {"secret": made.secret})
        return
    out.print(made.secret, soft_wrap=True)
    err.print(f"Keep it: it is not shown again. The old one signs for {overlap:g} hours more.")


@app.command("test")
def send_test(webhook: WebhookArgument, data: Data = None, json: Json = False) -> None:
    """Send a `webhook.test` message at once. Exits with 1 when it is not accepted."""

    async def work(limner: "Limner") -> "tuple[Delivery, WebhookAnswered | WebhookUnanswered | None]":
        written = await limner.webhooks.test(None, WebhookId(webhook), wait_ms=60_000)
        taken = await limner.deliver.lease(written.id)
        return written, await limner.deliver(taken) if taken else None

    written, outcome = with_limner(data, work, json=json)
    error, status = _result(outcome)
    if json:
        print_json({"delivery": written.id, "delivered": error is None, "status": status, "error": error})
    elif error is None:
        out.print(f"Accepted: the receiver answered {status}.")
    if error is not None:
        if not json:
            err.print(f"[red]Not accepted[/]: {escape(error)}.", soft_wrap=True)
        raise typer.Exit(1)


@app.command("deliveries")
def deliveries(
    webhook: WebhookArgument,
    state: Annotated[DeliveryState | None, typer.Option("--state", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, newest first.")] = 20,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the deliveries to a webhook, with the last attempt of each."""
    found = with_limner(
        data,
        lambda limner: limner.webhooks.deliveries(None, WebhookId(webhook), state=state, limit=limit),
        json=json,
    )
    if json:
        print_json(found)
    else:
        print_deliveries(found, empty="No deliveries yet.")


@app.command("replay")
def replay(
    delivery: Annotated[str, typer.Argument(help="The delivery's id, which is the message's `webhook-id`.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Have a worker send a message again, under its old id."""
    again = with_limner(data, lambda limner: limner.webhooks.replay(None, DeliveryId(delivery)), json=json)
    if json:
        print_json(again)
    else:
        out.print("A running worker sends it within a second.")


def print_deliveries(found: "Sequence[DeliveryHistory]", empty: str) -> None:
    """A row for each delivery, with its last attempt."""
    rows = [_row(story) for story in found]
    table("DELIVERY", "EVENT", "STATE", "ATTEMPTS", "NEXT", "LAST ANSWER", rows=rows, empty=empty)


def _row(story: "DeliveryHistory") -> tuple[object, ...]:
    delivery, last = story.delivery, story.attempts[-1] if story.attempts else None
    next_try = when(delivery.due_ms) if delivery.state is DeliveryState.PENDING else ""
    answer = f"{last.status or last.error} in {last.duration_ms} ms" if last else ""
    return delivery.id, delivery.event, delivery.state, delivery.attempts, next_try, answer


def _facts(webhook: "Webhook") -> dict[str, object]:
    return {
        "webhook": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "enabled": webhook.disabled_ms is None,
        "disabled_why": webhook.disabled_why,
    }


def _events(webhook: "Webhook") -> str:
    if webhook.events == FINAL_EVENTS:
        return "all ends"
    return ", ".join(each.removeprefix("task.") for each in webhook.events)


def _state(webhook: "Webhook") -> str:
    return "on" if webhook.disabled_ms is None else f"off: {webhook.disabled_why}"


def _result(outcome: "WebhookAnswered | WebhookUnanswered | None") -> tuple[str | None, int | None]:
    """The error, None for a success, and the receiver's status."""
    from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered

    match outcome:
        case WebhookAnswered(status) if outcome.is_success:
            return None, status
        case WebhookAnswered(status, text):
            return f"the receiver answered {status}{f', {text[:200]!r}' if text else ''}", status
        case WebhookUnanswered(error):
            return error, None
        case None:
            return "a worker is sending it", None
