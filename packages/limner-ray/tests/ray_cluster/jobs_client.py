"""The application's HTTP API, as the tests call it."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from itertools import count
from typing import Any

WAIT_S = 90.0
ENDED = {"done", "failed", "cancelled"}

_numbers = count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class JobsClient:
    url: str
    key: str

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key if key is None else key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read())

    def submit(self, prompt: str, model: str = "near", **fields: Any) -> str:
        """The id of a new job."""
        answer = self.call("POST", "/v1/jobs", order(prompt, model, **fields))
        assert answer.status == 201, answer
        job: str = answer.json["id"]
        return job

    def job(self, job: str) -> Any:
        answer = self.call("GET", f"/v1/jobs/{job}")
        assert answer.status == 200, answer
        return answer.json

    def ended(self, job: str) -> Any:
        """The job, once it has ended."""
        return self.until(lambda: (found := self.job(job))["status"] in ENDED and found)

    def until(self, look: Any) -> Any:
        """What `look` gives, once that is true: the API tells a state, and calls nobody back."""
        until_s = time.monotonic() + WAIT_S
        while not (found := look()):
            assert time.monotonic() < until_s, "nothing came of it"
            time.sleep(0.1)
        return found


def order(prompt: str, model: str = "near", **fields: Any) -> dict[str, Any]:
    return {"id": f"job-{next(_numbers):08}", "model": model, "prompt": prompt, "seed": 1, **fields}
