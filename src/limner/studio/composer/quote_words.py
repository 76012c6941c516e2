"""A quote in the words of the composer: price, who draws and how long, what is wrong, and what the model is told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from limner.application.operations.route_states import RouteCondition
from limner.application.tasks.quote import Quote
from limner.domain.prompts.prompt import ComposedPrompt
from limner.domain.refusal import Code, Refusal
from limner.studio.texts import Texts
from limner.studio.vendor_titles import ENGINE, vendor_title

_CITATION = re.compile(r"image\s*\[(\d+)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ToldPart:
    """A part of the final prompt, with its heading; `mine` are the caller's own words."""

    head: str
    text: str
    mine: bool


@dataclass(frozen=True, slots=True)
class QuoteWords:
    """`asked` is the model that the form names."""

    t: Texts
    quote: Quote
    asked: str

    @property
    def price(self) -> int:
        return self.quote.planned.plan.price if self.quote.planned else 0

    @property
    def problems(self) -> Sequence[Refusal]:
        """What has to be put right; too few credits are told in the line itself."""
        return [each for each in self.quote.problems if each.code is not Code.NO_CREDIT]

    @property
    def bad(self) -> bool:
        return bool(self.quote.problems) or self._short

    @property
    def icon(self) -> str:
        return "circle-alert" if self.bad else "coins"

    @property
    def amount(self) -> str:
        """The price as the line begins with it; empty while there is none."""
        return self.t.plural("{n} credit.", "{n} credits.", self.price) if self.price and not self.bad else ""

    @property
    def line(self) -> str:
        t, has = self.t, self.quote.funds.balance.available
        if self.problems:
            return t("There is something to put right above ({n}). Nothing is sent or spent until then.", n=self._count)
        if self.bad:
            return t(
                "This costs {n} credits; you have {m}. Ask your operator for more.", n=f"{self.price:,}", m=f"{has:,}"
            )
        return " ".join(each for each in (self._remark, self._who, t("You have {n}.", n=f"{has:,}")) if each)

    @property
    def brief(self) -> str:
        """What is said of one model of several: its price and wait, or the first thing that is wrong."""
        if self.problems:
            first = self.problems[0]
            return f"{first.reason[:1].upper()}{first.reason[1:]}. {first.suggestion}"
        return self.line if self.bad else f"{self.amount} {self._who}"

    @property
    def notes(self) -> Sequence[str]:
        """What of the form has no effect on this model, and what is said of the prompt."""
        left_out = [
            self.t("{field} has no effect: {reason}.", field=each.field, reason=each.reason)
            for each in self.quote.ignored
        ]
        composed = self._composed
        return [*left_out, *(composed.notes if composed else ())]

    @property
    def final_prompt(self) -> Sequence[ToldPart]:
        composed = self._composed
        return prompt_parts(composed, self.t) if composed else ()

    @property
    def characters(self) -> int:
        return len(self._composed.text) if self._composed else 0

    @property
    def pictures(self) -> str:
        """The pictures that go with the prompt, in their order; empty without any."""
        planned, t = self.quote.planned, self.t
        own = len(planned.request.files) if planned else 0
        template = self._composed.template_pictures if self._composed else 0
        if own and template:
            return t("With your pictures in this order ({n}), then the template’s.", n=own)
        if own:
            return t("With your pictures in this order ({n}).", n=own)
        return t("With the template’s pictures.") if template else ""

    # --- parts of the line ------------------------------------------------------------------------------------------

    @property
    def _count(self) -> int:
        return len(self.problems)

    @property
    def _short(self) -> bool:
        return self.price > self.quote.funds.balance.available

    @property
    def _composed(self) -> ComposedPrompt | None:
        prompts = self.quote.planned.prompts if self.quote.planned else {}
        return next(iter(prompts.values()), None)

    @property
    def _who(self) -> str:
        """Which model at which vendor, and how long it takes."""
        planned, runs, t = self.quote.planned, self.quote.would_run, self.t
        if planned is None or runs is None:
            return ""
        if runs.route.provider == ENGINE:
            return t("Made by the built-in engine: it composes, it does not generate.")
        seconds = max(1, round(runs.expected_ms / 1000))
        values = {"model": planned.plan.model.title, "vendor": vendor_title(runs.route.provider, t), "s": seconds}
        if runs.state.condition is not RouteCondition.OPEN:
            return t("{model}, at {vendor}, which rests just now: it waits until then.", **values)
        if self.quote.ahead:
            return t("{model}, at {vendor}: {n} before this one.", n=f"{self.quote.ahead:,}", **values)
        return t("{model}, at {vendor}, in about {s} s.", **values)

    @property
    def _remark(self) -> str:
        """The one thing about this request that may surprise; empty without one."""
        planned, t = self.quote.planned, self.t
        if planned is None:
            return ""
        model, spec = planned.plan.model, planned.plan.spec
        if self.asked and model.name != self.asked:
            return t("{model} runs: the one you chose takes no pictures.", model=model.title)
        if spec.template == "t_pose" and spec.t_pose:
            return t("Template and switch both say T-pose; one is enough.")
        unnamed = _unnamed(spec.prompt, len(planned.request.files))
        return t("Your words never name image[{n}]; the model sees it all the same.", n=unnamed) if unnamed else ""


def prompt_parts(composed: ComposedPrompt, t: Texts) -> Sequence[ToldPart]:
    """The parts of a prompt, in their order, each with where it comes from."""
    return [ToldPart(_head(each.source, t), each.text, each.source == "caller") for each in composed.parts]


def _head(source: str, t: Texts) -> str:
    heads = {
        "caller": t("Yours"),
        "template": t("Template"),
        "pictures": t("Which picture is which"),
        "t_pose": t("Switch: T-pose"),
        "sketch_to_render": t("Switch: Sketch to render"),
    }
    return heads.get(source, source)


def _unnamed(prompt: str, pictures: int) -> int:
    """The first picture that a prompt with citations does not cite; 0 if there is none."""
    named = {int(number) for number in _CITATION.findall(prompt)}
    return next((each for each in range(1, pictures + 1) if named and each not in named), 0)
