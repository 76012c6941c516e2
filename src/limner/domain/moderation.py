"""Rules of an operator's own: words that texts may not hold, and verdicts of a judge."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from limner.domain.refusal import Code, Refusal

EVERYBODY = "*"
"""In the place of an account: the list that holds for all."""

REFUSED = "the judge of this service refuses the request"
WITHHELD = "withheld by the judge of this service"
"""How the messages of tasks begin that the judge ended; of the second kind, the picture was made."""

MOST_WORDS = 2_000
LONGEST_WORD = 100

_IDEOGRAPHS_FROM = 0x2E80
"""Scripts without spaces between words begin here: their entries match inside of others."""


class RefusalStage(StrEnum):
    """Who refused, and when."""

    WORDS = "words"
    """The word list, before anything was held."""
    ORDER = "order"
    """The judge, before anything was ordered."""
    DELIVERY = "delivery"
    """The judge, before a picture was handed out."""
    VENDOR = "vendor"
    """The vendor's own content policy."""


class OnNoVerdict(StrEnum):
    """What becomes of a task for which the judge gives no verdict in time."""

    REFUSE = "refuse"
    ALLOW = "allow"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`categories` are the judge's or the vendor's own words."""

    allowed: bool
    reason: str = ""
    categories: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """Why not, in a sentence that the caller may read."""
        told = f" ({', '.join(self.categories)})" if self.categories else ""
        return f"{self.reason or 'no reason was given'}{told}"


ALLOWED = Verdict(allowed=True)


class Moderated(Refusal):
    """A rule of the operator's refuses the request. `refusal_id` names the entry in the log, for an appeal."""

    def __init__(self, reason: str, refusal_id: str) -> None:
        super().__init__(
            Code.CONTENT_POLICY,
            reason,
            suggestion=f"Change the request. If you think that this is wrong, appeal: POST /v1/refusals/{refusal_id}/"
            "appeal. Nothing was held, ordered or charged.",
            field="prompt",
        )


def who_refused(message: str) -> str:
    """Who a banned task's message speaks of, as the subject of a sentence."""
    return "this service's rules" if message.startswith((REFUSED, WITHHELD)) else "the vendor's safety system"


def checked_words(words: Iterable[str]) -> list[str]:
    """The list as it is kept: without blanks and doubles. Raises `Refusal`."""
    kept = list(dict.fromkeys(each for word in words if (each := " ".join(plain(word).split()))))
    if len(kept) > MOST_WORDS:
        raise _bad_list(f"{len(kept)} words were given", f"Give at most {MOST_WORDS}.")
    for word in kept:
        if len(word) > LONGEST_WORD:
            raise _bad_list(f"{word[:40]!r}… has {len(word)} characters", f"Each may have {LONGEST_WORD}.")
        if not word.strip("*"):
            raise _bad_list(f"{word!r} would match every text", "A star stands at the end of a word.")
    return kept


def found_words(words: Sequence[str], texts: Iterable[str]) -> list[str]:
    """The entries that occur in the texts, as words of their own; `word*` is the beginning of one."""
    if not words:
        return []
    pattern = _pattern(tuple(words))
    hits = {hit for text in texts for each in pattern.finditer(plain(text)) if (hit := each.lastgroup)}
    return [words[int(hit[1:])] for hit in sorted(hits, key=lambda hit: int(hit[1:]))]


def plain(text: str) -> str:
    """Lower case, without accents of compatibility and without the invisible characters that split words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in folded if unicodedata.category(each) != "Cf")


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<w{number}>{_of(word)})" for number, word in enumerate(words)))


def _of(word: str) -> str:
    begins = word.endswith("*")
    body = r"\s+".join(re.escape(each) for each in word.rstrip("*").split())
    before = "" if ord(word[0]) >= _IDEOGRAPHS_FROM else r"(?<!\w)"
    after = "" if begins or ord(word[-1]) >= _IDEOGRAPHS_FROM else r"(?!\w)"
    return before + body + after


def _bad_list(reason: str, suggestion: str) -> Refusal:
    return Refusal(Code.INVALID, reason, suggestion=suggestion, field="words")
