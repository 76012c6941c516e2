"""What an account spent by model, template and key, as rows of bars that lead to the tasks behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from limner.application.accounts.report import AccountReport
from limner.db.tables.studio.account_figures import SharedUse
from limner.domain.model import Models
from limner.ports.templates import Templates
from limner.studio.plots import bar
from limner.studio.texts import Texts


@dataclass(frozen=True, slots=True)
class SpendRow:
    """`query` leads to the tasks in the history; empty where no filter of the history names them."""

    title: str
    bar: Markup
    credits: int
    pictures: int
    query: str


@dataclass(frozen=True, slots=True)
class SpendRows:
    """`since` is the first day of the report, as the history's address has it."""

    report: AccountReport
    since: str
    t: Texts

    def by_model(self, models: Models) -> Sequence[SpendRow]:
        titles = {name: facts.title for name, facts in models.items()}
        return self._rows(self.report.by_model, "model", titles)

    def by_template(self, templates: Templates) -> Sequence[SpendRow]:
        titles = {slug: self.t(each.template.title) for slug, each in templates.items()}
        return self._rows(self.report.by_template, "template", titles | {"": self.t("no template")})

    def by_key(self) -> Sequence[SpendRow]:
        titles = {key.id: key.name for key, _ in self.report.keys}
        return self._rows(self.report.by_key, "key", {str(key): name for key, name in titles.items()})

    def _rows(self, uses: Sequence[SharedUse], field: str, titles: Mapping[str, str]) -> Sequence[SpendRow]:
        most = max((each.credits for each in uses), default=0)
        return [
            SpendRow(
                titles.get(each.name, each.name),
                bar([(each.credits, "b1")], most),
                each.credits,
                each.succeeded,
                urlencode({field: each.name, "since": self.since}) if each.name else "",
            )
            for each in uses
            if each.credits or each.succeeded
        ]
