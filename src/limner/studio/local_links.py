"""Links of the server's pictures as its own pages use them: without scheme and host.

A page may be opened under another name than the public URL, such as `localhost` or the host's address in the local
network. Its Content-Security-Policy shows pictures of the page's own origin alone.
"""

from dataclasses import dataclass

from limner.domain.ids import TaskId
from limner.domain.thumbnail import DEFAULT_SIDE
from limner.ports.links import Links


@dataclass(frozen=True, slots=True)
class LocalLinks:
    signed: Links

    def picture(
        self, account_tag: str, task: TaskId, extension: str, now_ms: int, *, name: str = "generated_image"
    ) -> str:
        """The path and query of a fresh link to a picture."""
        return _local(self.signed.picture(account_tag, task, extension, now_ms, name=name))

    def thumbnail(self, task: TaskId, now_ms: int, *, name: str | None = None, side: int = DEFAULT_SIDE) -> str:
        """The path and query of a link to a small copy, the same for a day."""
        return _local(self.signed.thumbnail(task, now_ms, name=name, side=side))


def _local(url: str) -> str:
    return f"/{url.split('/', 3)[3]}"
