"""What a search that found nothing may have meant: words of the account's own prompts that look like its words."""

from collections.abc import Iterable
from difflib import get_close_matches

from limner.application.library.listing import ListTasks
from limner.domain.ids import AccountId
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.search import search_terms, words_of

NEWEST = 500
"""Tasks whose words are looked at."""

ALIKE = 0.72
SHORTEST = 3
"""Letters: shorter words look like too many others."""


async def near_words(list_tasks: ListTasks, account: AccountId, asked: str) -> str:
    """The search with other words, which finds something; empty where there is none."""
    newest = await list_tasks(account, TaskFilter(), after=None, limit=NEWEST)
    known = words_of(str(seen.task.echo.get("prompt") or "") for seen in newest.tasks)
    words = words_of([asked])
    meant = " ".join(_nearest(word, known) for word in words)
    if meant == " ".join(words):
        return ""
    found = await list_tasks(account, TaskFilter(search=search_terms(meant)), after=None, limit=1)
    return meant if found.tasks else ""


def _nearest(word: str, known: Iterable[str]) -> str:
    if word in known or len(word) < SHORTEST:
        return word
    return next(iter(get_close_matches(word, known, 1, ALIKE)), word)
