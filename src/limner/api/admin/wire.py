"""Request bodies and queries of `/admin`."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from limner.application.moderation.appeals import LONGEST_TEXT
from limner.domain.moderation import MOST_WORDS
from limner.domain.spending_rules import Fallback
from limner.domain.tasks.task import Status

MOST_CREDITS = 10**12
MOST_PAGE = 200
_NEVER = 2**53


def _parse_int(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 15 else text


Number = Annotated[int, BeforeValidator(_parse_int)]
Limit = Annotated[StrictInt | None, Field(default=None, ge=0, le=MOST_CREDITS)]


class AdminBody(BaseModel):
    """A body whose unknown fields are refused: an operator's typing error must not be an act without its limit."""

    model_config = ConfigDict(extra="forbid")


class AdminNewAccount(AdminBody):
    name: StrictStr = Field(max_length=63, description="Lower-case letters, digits, dots, dashes and underscores.")
    credits: StrictInt = Field(default=0, ge=0, le=MOST_CREDITS, description="Credits to begin with.")
    tasks: StrictInt | None = Field(default=None, ge=0, le=100_000, description="Image tasks under way at once.")


class AdminAccountChange(AdminBody):
    tasks: StrictInt | None = Field(default=None, ge=0, le=100_000, description="Image tasks under way at once.")
    weight: StrictInt | None = Field(default=None, ge=1, le=1000, description="1 is an ordinary account's share.")


class AdminGrant(AdminBody):
    credits: StrictInt = Field(ge=-MOST_CREDITS, le=MOST_CREDITS, description="How many; a negative number takes back.")
    note: StrictStr | None = Field(default=None, max_length=200, description="The reason, kept in the ledger.")


class AdminRules(AdminBody):
    """Rules for vendors' prices; null removes one."""

    max_vendor_usd: float | None = Field(
        default=None, ge=0, lt=1e6, allow_inf_nan=False, description="Most that a vendor may charge for one picture."
    )
    fallback: Fallback | None = Field(default=None, description=f"Other routes it may take: {', '.join(Fallback)}.")


class AdminBudget(AdminRules):
    """Budgets of an account; what is not named stays, null removes it."""

    credits_per_day: Limit
    credits_per_month: Limit


class AdminErasure(AdminBody):
    by: StrictStr | None = Field(default=None, max_length=200, description="Who asked for it, for the receipt.")


class AdminWords(AdminBody):
    words: list[StrictStr] = Field(max_length=MOST_WORDS, description="The whole list; an empty one removes it.")


class AdminAnswer(AdminBody):
    decision: StrictStr = Field(max_length=20, description="upheld or overturned.")
    text: StrictStr = Field(max_length=LONGEST_TEXT, description="What the caller is told.")


class AdminRefusals(AdminBody):
    appeals: bool = Field(default=False, description="Only those whose appeal waits for an answer.")


class AdminKeep(AdminBody):
    kept: StrictBool = Field(default=True, description="Whether retention leaves the pictures alone.")


class AdminShare(AdminBody):
    guest: StrictStr = Field(max_length=63, description="Name of the account that may use it.")
    shared: StrictBool = Field(default=True, description="false takes it back.")


class AdminStudioLink(AdminBody):
    operator: StrictBool = Field(default=False, description="With the scope admin: the operator's pages too.")


class AdminKeyLimits(AdminRules):
    """Limits of a key; null removes one."""

    per_second: StrictInt | None = Field(default=None, ge=1, le=100_000, description="Requests a second, at least 1.")
    tasks: Limit
    credits_per_day: Limit
    credits_per_month: Limit
    credits: Limit
    expires_ms: StrictInt | None = Field(default=None, ge=0, le=_NEVER, description="When it ends, in ms since 1970.")


class AdminNewKey(AdminKeyLimits):
    name: StrictStr = Field(default="key", min_length=1, max_length=100, description="What the key is for.")
    scopes: list[StrictStr] = Field(
        default=["generate", "read"], min_length=1, max_length=4, description="generate, read, webhooks, admin."
    )


class AdminRest(AdminBody):
    route: StrictStr = Field(max_length=100, description="The route's name, as GET /admin/routes shows it.")
    minutes: StrictInt = Field(default=60, ge=1, le=43_200, description="For how long: 1 minute to 30 days.")
    reason: StrictStr = Field(default="", max_length=200, description="One line, shown beside the route.")


class AdminRoute(AdminBody):
    route: StrictStr = Field(max_length=100, description="The route's name, as GET /admin/routes shows it.")


class AdminProvider(AdminBody):
    provider: StrictStr | None = Field(default=None, max_length=60, description="Only this one. Default: all active.")


class AdminExamination(AdminBody):
    repair: StrictBool = Field(default=False, description="Repair what is safe to repair.")


class AdminPage(BaseModel):
    """A page of a list: what comes after `after`, which the last page named as `next`."""

    after: str = Field(default="", max_length=100, description="The `next` of the page before.")
    limit: Number = Field(default=50, ge=1, le=MOST_PAGE, strict=True, description=f"1 to {MOST_PAGE} rows.")


class AdminPeriod(BaseModel):
    hours: Number = Field(default=24, ge=1, le=24 * 366, strict=True, description="So many hours back, 1 to 8784.")


class AdminLedgerPage(BaseModel):
    limit: Number = Field(default=50, ge=1, le=MOST_PAGE, strict=True, description=f"The last 1 to {MOST_PAGE} rows.")


class AdminTaskPage(AdminPage):
    """Filters of a list of tasks, all of which a task has to meet."""

    model_config = ConfigDict(protected_namespaces=())

    account: str | None = Field(default=None, max_length=63, description="Name of an account. Default: all.")
    q: str = Field(default="", max_length=400, description="Words, or beginnings of words, of the prompt.")
    model: str | None = Field(default=None, max_length=60, description="The effective model.")
    template: str | None = Field(default=None, max_length=100, description="The template's name.")
    status: Status | None = Field(default=None, description="One status.")
    since: str | None = Field(default=None, max_length=40, description="Made then or later, in ISO 8601 or Unix time.")
    until: str | None = Field(default=None, max_length=40, description="Made earlier than that.")


class AdminFailurePage(AdminPage, AdminPeriod):
    """Failed attempts of the last `hours`."""


def changes(limits: AdminKeyLimits) -> dict[str, Any]:
    """The limits that a body names, those set to null included."""
    names = AdminKeyLimits.model_fields.keys()
    return {name: getattr(limits, name) for name in limits.model_fields_set if name in names}
