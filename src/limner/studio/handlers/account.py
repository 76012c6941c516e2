"""The page Account: the balance over time, what was spent on what, keys, webhooks, and the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.service_container import Services
from limner.application.accounts.manage import SCOPES, ManageAccounts
from limner.application.accounts.report import AccountReport, ReportAccount
from limner.application.accounts.sign_in import SignIn
from limner.application.webhooks.manage import DeliveryHistory
from limner.db.tables.keys import Key
from limner.domain.accounts.key_limits import DAY_MS, UNLIMITED, KeyLimits
from limner.domain.ids import DeliveryId, KeyId, WebhookId
from limner.domain.refusal import Code, Refusal
from limner.domain.webhook import SELECTABLE_EVENTS
from limner.ports.templates import Templates
from limner.studio.page import Pages
from limner.studio.plots import EPOCH, balance_plot, bar
from limner.studio.session import forget, form_of, root_of, session_of
from limner.studio.spend_rows import SpendRows
from limner.studio.texts import texts_for

PERIODS = (7, 30, 365)
DELIVERIES = 20
DELIVERIES_READ = 200
"""Of each webhook, for the counts of the last day."""

LONGEST_FORECAST = 999
MAX_NAME = 100

GRANTABLE = tuple(scope for scope in SCOPES if scope != "admin")
"""The scopes that a key made here may have; operators' keys are made by `limner keys create`."""


@dataclass(frozen=True, slots=True)
class AccountHandlers:
    services: Services
    report: ReportAccount
    accounts: ManageAccounts
    sign_in: SignIn
    templates: Templates
    pages: Pages

    async def page(self, request: Request) -> Response:
        return await self._page(request)

    async def create_key(self, request: Request) -> Response:
        """Make a key. It is shown once, in the answer. Only a session whose own key is unlimited may."""
        form, own = await form_of(request), session_of(request).key
        _check_may_manage(own)
        name = str(form.get("name", "")).strip()[:MAX_NAME] or "key"
        scopes = tuple(scope for scope in GRANTABLE if scope in form and scope in own.scopes)
        account = (await self.report(own.account, 1)).name
        created = await self.accounts.create_key(account, name, scopes, _limits(form), _expires_ms(form))
        return await self._page(request, new_key=created.secret)

    async def revoke_key(self, request: Request) -> Response:
        own, key_id = session_of(request).key, KeyId(request.path_params["key_id"])
        _check_may_manage(own)
        found = await self.services.store.read(lambda records: records.keys.get(key_id))
        if found is None or found.account != own.account:
            raise Refusal(Code.INVALID, "there is no such key", suggestion="Reload the page.", field="key_id")
        await self.accounts.revoke_key(key_id)
        return RedirectResponse(f"{root_of(request)}/account#keys-s", 303)

    async def add_webhook(self, request: Request) -> Response:
        form = await form_of(request)
        url, account = str(form.get("url", "")).strip(), session_of(request).key.account
        created = await self.services.webhooks.add(account, url, _events(form))
        return await self._page(request, new_secret=created.secret)

    async def change_webhook(self, request: Request) -> Response:
        """Send a test message, send again to a webhook that was switched off, or make a new secret."""
        form, account = await form_of(request), session_of(request).key.account
        webhook = WebhookId(request.path_params["webhook_id"])
        match form.get("act"):
            case "test":
                await self.services.webhooks.test(account, webhook)
            case "enable":
                await self.services.webhooks.enable(account, webhook)
            case "rotate":
                return await self._page(
                    request, new_secret=(await self.services.webhooks.rotate(account, webhook)).secret
                )
            case _:
                raise Refusal(Code.INVALID, "act is none of them", suggestion="test, enable or rotate.", field="act")
        return RedirectResponse(f"{root_of(request)}/account#webhooks", 303)

    async def sign_out_everywhere(self, request: Request) -> Response:
        """End every session of the account, this one too."""
        own = session_of(request).key
        _check_may_manage(own)
        await self.sign_in.end_all(own.account, f"key {own.id}")
        response = RedirectResponse(f"{root_of(request)}/sign-in", 303)
        forget(response, request)
        return response

    async def remove_webhook(self, request: Request) -> Response:
        webhook = WebhookId(request.path_params["webhook_id"])
        await self.services.webhooks.remove(session_of(request).key.account, webhook)
        return RedirectResponse(f"{root_of(request)}/account#webhooks", 303)

    async def replay(self, request: Request) -> Response:
        delivery = DeliveryId(request.path_params["delivery_id"])
        await self.services.webhooks.replay(session_of(request).key.account, delivery)
        return RedirectResponse(f"{root_of(request)}/account#webhooks", 303)

    async def _page(self, request: Request, new_key: str = "", new_secret: str = "") -> Response:
        session, t = session_of(request), texts_for(request)
        asked = request.query_params.get("days", "30")
        days = int(asked) if asked in map(str, PERIODS) else 30
        report, now_ms = await self.report(session.key.account, days), self.services.clock.now_ms()
        since = EPOCH + timedelta(days=report.days[0].day)
        rows = SpendRows(report, since.isoformat(), t)
        webhooks = await self.services.webhooks.of(session.key.account) if session.may("webhooks") else []
        deliveries = await self._deliveries(session.key, [each.id for each in webhooks])
        return await self.pages.page(
            request,
            "account",
            report=report,
            days=days,
            periods=PERIODS,
            plot=balance_plot(report.days, t),
            spend=[
                (t("Spend per model"), rows.by_model(self.services.routing.models)),
                (t("Spend per template"), rows.by_template(self.templates)),
                (t("Spend per key"), rows.by_key()),
            ],
            days_left=_days_left(report, days),
            balances=_balances(report),
            events=SELECTABLE_EVENTS,
            counts=_counts(deliveries, now_ms - DAY_MS),
            webhooks=webhooks,
            deliveries=deliveries[:DELIVERIES],
            grantable=[scope for scope in GRANTABLE if session.may(scope)],
            manages=_may_manage(session.key),
            own=session.key,
            new_key=new_key,
            new_secret=new_secret,
            since=since.isoformat(),
            bar=bar,
            when=when,
            day=lambda ms: f"{_utc(ms):%Y-%m-%d}",
        )

    async def _deliveries(self, key: Key, webhooks: Sequence[WebhookId]) -> Sequence[DeliveryHistory]:
        """The newest deliveries of these webhooks."""
        found = [
            each
            for webhook in webhooks
            for each in await self.services.webhooks.deliveries(key.account, webhook, limit=DELIVERIES_READ)
        ]
        return sorted(found, key=lambda each: each.delivery.created_ms, reverse=True)


def _balances(report: AccountReport) -> Sequence[int]:
    """What there was to spend after each row of the ledger, newest first."""
    left, after = report.balance.available, []
    for row in report.ledger:
        after.append(left)
        left -= row.available
    return after


def _counts(deliveries: Sequence[DeliveryHistory], since_ms: int) -> dict[WebhookId, tuple[int, int]]:
    """By webhook, how many deliveries were made since then, and how many of them failed at last."""
    counts: dict[WebhookId, tuple[int, int]] = {}
    for each in deliveries:
        if each.delivery.created_ms >= since_ms:
            made, failed = counts.get(each.delivery.webhook, (0, 0))
            lost = bool(each.attempts and each.attempts[-1].error)
            counts[each.delivery.webhook] = made + 1, failed + lost
    return counts


def _events(form: FormData) -> Sequence[str]:
    """The ticked events; none, as without a script or choice, means every end."""
    return [each for each in SELECTABLE_EVENTS if each in form]


def _days_left(report: AccountReport, days: int) -> int | None:
    """For how many days the balance lasts at the pace of the period; None where nothing is spent or it is very long."""
    left = round(report.balance.available * days / report.spent) if report.spent else None
    return left if left is not None and left <= LONGEST_FORECAST else None


def _may_manage(own: Key) -> bool:
    return own.allowance == UNLIMITED and "generate" in own.scopes


def _check_may_manage(own: Key) -> None:
    if not _may_manage(own):
        raise Refusal(
            Code.FORBIDDEN,
            "a key with limits of its own cannot make or revoke keys",
            suggestion="Sign in with a key without limits, or by a link.",
        )


def _limits(form: FormData) -> KeyLimits:
    return KeyLimits(
        tasks=_whole(form, "tasks"),
        credits_per_day=_whole(form, "credits_per_day"),
        credits_per_month=_whole(form, "credits_per_month"),
        credits=_whole(form, "credits"),
    )


def _whole(form: FormData, name: str) -> int | None:
    text = str(form.get(name, "")).strip().replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Refusal(Code.INVALID, f"{text!r} is no whole number", suggestion="Leave it empty for none.", field=name)
    return int(text)


def _expires_ms(form: FormData) -> int | None:
    text = str(form.get("expires", "")).strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refusal(
            Code.INVALID, f"{text!r} is no date", suggestion="Write it as 2027-01-31.", field="expires"
        ) from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def when(ms: int | None) -> str:
    """A time as a table shows it, in UTC."""
    return f"{_utc(ms):%d %b %H:%M}" if ms else ""


def clock(ms: int) -> str:
    """A time of day with its seconds, in UTC."""
    return f"{_utc(ms):%H:%M:%S}"


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
