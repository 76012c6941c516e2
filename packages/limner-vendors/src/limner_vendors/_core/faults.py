"""The faults that can be injected, and when they apply.

A fault is scripted for one vendor, in process, over HTTP (`POST /_emulator/faults`), or by a fault word in the prompt:

    #fault:[vendor/]kind[=value][:how][@stage][*times]

`#fault:moderated`, `#fault:slow=2`, `#fault:bfl/unavailable*2`, `#fault:rate_limited=3:text@poll`,
`#fault:text_only=MAX_TOKENS`. A word holds for every request with this prompt unless `*times` says for how many. A
value is a number, or else it is the `how`: the vendor's own word for it. An emulator ignores kinds that its vendor
does not support; a kind that no vendor supports is refused.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final, Literal, Self, get_args

Stage = Literal["submit", "poll", "delivery"]
STAGES: Final = get_args(Stage)


class FaultKind(StrEnum):
    """Each kind's meaning; the vendor decides how its answer looks."""

    # The request is refused; nothing is done or charged.
    RATE_LIMITED = "rate_limited"  # 429; value: seconds to wait; how they are given: header, ms, body, text or none
    QUOTA = "quota"  # no credit is left
    UNAUTHORIZED = "unauthorized"  # 401
    FORBIDDEN = "forbidden"  # 403
    MODEL_GONE = "model_gone"  # 404 for the model
    SERVER_ERROR = "server_error"  # 500
    BAD_GATEWAY = (
        "bad_gateway"  # a gateway's HTML; value: its status, else 502; how: `done` after the work was done and charged
    )
    UNAVAILABLE = "unavailable"  # 503
    TIMEOUT = "timeout"  # 504
    STATUS = "status"  # value: any other HTTP status, in the vendor's general error body; how: its code or type
    RESET = "reset"  # the socket is cut before anything is done

    # The work is done and charged, the answer does not arrive whole.
    LOST_ANSWER = "lost_answer"  # cut before the first byte
    CUT_HEADERS = "cut_headers"  # cut after the headers
    CUT_BODY = "cut_body"  # cut in the middle of the body
    SLOW = "slow"  # value: seconds before the answer
    HOLD = "hold"  # held back until released; how: the moment, see `held_answers`
    LONG_HEADER = "long_header"  # value: bytes of one header of the answer, else 9000
    ENCODED = "encoded"  # how: the answer's Content-Encoding, else aws-chunked; its body is plain
    GARBLED = "garbled"  # 200 and nothing that the protocol knows; how: `page` is a page of HTML

    # The answer arrives and is no success.
    MODERATED = "moderated"  # prompt or reference refused; how: the vendor's reason
    MODERATED_OUTPUT = "moderated_output"  # the picture refused; how: the vendor's reason
    FAILED = "failed"  # the job fails; how: the vendor's reason; value, at fal: the status of its result
    CANCELLED = "cancelled"  # the job is cancelled at the vendor; how, at Replicate: `aborted` before it started
    TEXT_ONLY = "text_only"  # words and no picture; how: the vendor's reason
    EMPTY = "empty"  # success with no picture
    UNDECODABLE = "undecodable"  # cannot be opened; how: truncated, html, gif, else a valid header and zeros
    RELAY = "relay"  # the answer of a relay; how: url, data, markdown, markdown data, file, error, envelope or other
    WRONG_FORMAT = "wrong_format"  # bytes of another format than announced
    BLANK = "blank"  # a good file, all of one colour
    HEAVY = "heavy"  # a good picture of some megabytes
    LONG = "long"  # value: seconds the job takes longer
    NOT_FOUND = "not_found"  # value: how many polls say that there is no such job
    UNKNOWN_STATUS = "unknown_status"  # the first poll has an undocumented status; how: which
    CODE = "code"  # Midjourney: value is the `code` of the answer
    EXPIRED_LINK = "expired_link"  # value: how many of the links given are dead
    DUPLICATE_WEBHOOK = "duplicate_webhook"  # the last webhook comes twice


REFUSALS: Final = frozenset(
    {
        FaultKind.RATE_LIMITED,
        FaultKind.QUOTA,
        FaultKind.UNAUTHORIZED,
        FaultKind.FORBIDDEN,
        FaultKind.MODEL_GONE,
        FaultKind.SERVER_ERROR,
        FaultKind.BAD_GATEWAY,
        FaultKind.UNAVAILABLE,
        FaultKind.TIMEOUT,
        FaultKind.STATUS,
        FaultKind.RESET,
    }
)
CUTS: Final = (FaultKind.LOST_ANSWER, FaultKind.CUT_HEADERS, FaultKind.CUT_BODY)
_HEADERS: Final = (FaultKind.LONG_HEADER, FaultKind.ENCODED)
TRANSPORT: Final = REFUSALS | {*CUTS, *_HEADERS, FaultKind.SLOW, FaultKind.HOLD, FaultKind.GARBLED}
"""Supported by every vendor at every stage."""
JOB_FAULTS: Final = (
    FaultKind.MODERATED,
    FaultKind.MODERATED_OUTPUT,
    FaultKind.FAILED,
    FaultKind.EMPTY,
    FaultKind.UNDECODABLE,
    FaultKind.WRONG_FORMAT,
    FaultKind.BLANK,
    FaultKind.LONG,
    FaultKind.NOT_FOUND,
    FaultKind.UNKNOWN_STATUS,
    FaultKind.EXPIRED_LINK,
    FaultKind.DUPLICATE_WEBHOOK,
)
"""Supported by every vendor that works on jobs."""
MOMENTS: Final = ("received", "done", "half", "previewed")
"""Where a request can be held: see `held_answers`."""


class BadFault(ValueError):
    """An impossible fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong (`kind`), where (`on`) and when.

    It applies `times` times (None: for ever), first at the `at`-th request of its stage after it was added, each time
    with this `probability`, and only where the prompt holds the text `prompt`. `value` and `how` are explained at the
    kinds.
    """

    kind: FaultKind
    on: Stage = "submit"
    at: int = 1
    times: int | None = 1
    probability: float = 1.0
    value: float | None = None
    how: str = ""
    prompt: str = ""

    def __post_init__(self) -> None:
        if self.kind not in set(FaultKind):
            raise BadFault(f"unknown fault {str(self.kind)!r}; known are {', '.join(FaultKind)}")
        if self.on not in STAGES:
            raise BadFault(f"unknown stage {self.on!r}; known are {', '.join(STAGES)}")
        if self.kind is FaultKind.HOLD and self.how not in {"", *MOMENTS}:
            raise BadFault(f"unknown moment {self.how!r} to hold at; known are {', '.join(MOMENTS)}")
        if self.on != "submit" and self.kind not in TRANSPORT:
            raise BadFault(f"{self.kind} is decided when a job is submitted, not on {self.on!r}")

    @classmethod
    def parse(cls, facts: Mapping[str, Any]) -> Self:
        """From JSON. Raises `BadFault`."""
        known = {field.name for field in fields(cls)}
        if unknown := facts.keys() - known:
            raise BadFault(f"unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
        if "kind" not in facts:
            raise BadFault("a fault needs a kind")
        fault = cls(**facts)
        return replace(fault, kind=FaultKind(fault.kind))

    def amount(self, default: float) -> float:
        return default if self.value is None else self.value

    def word(self, vendor: str) -> str:
        """The prompt word for this fault, at this vendor alone. It leaves out `at`, `probability` and `prompt`."""
        value = "" if self.value is None else f"={self.value:g}"
        how = f"{':' if value else '='}{self.how}" if self.how else ""
        stage = "" if self.on == "submit" else f"@{self.on}"
        times = "" if self.times is None else f"*{self.times}"
        return f"#fault:{vendor}/{self.kind}{value}{how}{stage}{times}"


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """The faults that apply to one request."""

    faults: tuple[Fault, ...] = ()

    def __contains__(self, kind: FaultKind) -> bool:
        return self.of(kind) is not None

    def of(self, *kinds: FaultKind) -> Fault | None:
        return next((fault for fault in self.faults if fault.kind in kinds), None)


_PROMPT_WORD: Final = re.compile(
    r"#fault:(?:(?P<vendor>[a-z]+)/)?(?P<kind>[a-z_]+)(?:=(?P<value>[\w.-]+))?(?::(?P<how>[\w.-]+))?"
    r"(?:@(?P<stage>[a-z]+))?(?:\*(?P<times>\d+))?"
)


def prompt_faults(prompt: str, vendor: str) -> list[Fault]:
    """The faults that a prompt names for this vendor. Raises `BadFault`."""
    return [_parsed_word(word) for word in _PROMPT_WORD.finditer(prompt) if word["vendor"] in {None, vendor}]


def _parsed_word(word: re.Match[str]) -> Fault:
    said = word["value"] or ""
    number = float(said) if re.fullmatch(r"\d+(\.\d+)?", said) else None
    return Fault.parse(
        {
            "kind": word["kind"],
            "on": word["stage"] or "submit",
            "times": int(word["times"]) if word["times"] else None,
            "value": number,
            "how": word["how"] or ("" if number is not None else said),
        }
    )


@dataclass(slots=True)
class _Scripted:
    fault: Fault
    seen: int = 0
    applied: int = 0

    def applies(self, chance: random.Random) -> bool:
        self.seen += 1
        if self.seen < self.fault.at or self.applied == self.fault.times or chance.random() >= self.fault.probability:
            return False
        self.applied += 1
        return True


class Faults:
    """The script of one vendor. `kinds` are those it supports; `seed` makes probabilities repeatable."""

    def __init__(self, vendor: str, kinds: Collection[FaultKind], seed: int = 0) -> None:
        self._vendor = vendor
        self._kinds = TRANSPORT | frozenset(kinds)
        self._chance = random.Random(seed)  # noqa: S311 - must be repeatable
        self._script: list[_Scripted] = []
        self._word_uses: Counter[tuple[str, Fault]] = Counter()
        self._arrived = asyncio.Event()
        self.requests: Counter[str] = Counter()

    def add(self, *faults: Fault) -> None:
        """Raises `BadFault` for a kind that this vendor does not support."""
        for fault in faults:
            if fault.kind not in self._kinds:
                raise BadFault(f"{self._vendor} knows no {fault.kind}; it knows {', '.join(sorted(self._kinds))}")
        self._script += [_Scripted(fault) for fault in faults]

    def clear(self) -> None:
        self._script.clear()
        self._word_uses.clear()

    def scripted(self) -> list[Fault]:
        """Those that may still apply."""
        return [one.fault for one in self._script if one.applied != one.fault.times]

    def for_request(self, stage: Stage, prompt: str) -> InjectedFault:
        """The faults of this request; each call counts as one. Raises `BadFault` for an unknown prompt word."""
        self.requests[stage] += 1
        self._arrived.set()
        self._arrived = asyncio.Event()
        scripted = [one.fault for one in self._matching(stage, prompt) if one.applies(self._chance)]
        return InjectedFault((*scripted, *self._asked_for(stage, prompt)))

    async def until_asked(self, count: int, stage: Stage = "submit") -> None:
        """Wait until so many requests of a stage have arrived, answered or not."""
        while self.requests[stage] < count:
            await self._arrived.wait()

    def _matching(self, stage: Stage, prompt: str) -> list[_Scripted]:
        return [one for one in self._script if one.fault.on == stage and one.fault.prompt in prompt]

    def _asked_for(self, stage: Stage, prompt: str) -> Iterable[Fault]:
        for fault in prompt_faults(prompt, self._vendor):
            if fault.on != stage or fault.kind not in self._kinds:
                continue
            self._word_uses[prompt, fault] += 1
            if fault.times is None or self._word_uses[prompt, fault] <= fault.times:
                yield fault
