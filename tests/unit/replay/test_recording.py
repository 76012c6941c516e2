import base64
import json
from pathlib import Path
from typing import Any

import pytest

from limner.replay.recording import BadRecording, RecordedCall, read_recording


def entry(url: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    answer = {"status": 200, "content": {"mimeType": "application/json", "text": '{"code": 0}'}}
    headers = [{"name": "Authorization", "value": "Bearer tsk_secret"}, {"name": "X-Mine", "value": "yes"}]
    return {"request": {"method": method, "url": url, "headers": headers, **more}, "response": answer}


def har(tmp_path: Path, *entries: dict[str, Any]) -> list[RecordedCall]:
    file = tmp_path / "calls.har"
    file.write_text(json.dumps({"log": {"entries": entries}}))
    return read_recording(file)


def lines(tmp_path: Path, text: str) -> list[RecordedCall]:
    file = tmp_path / "calls.jsonl"
    file.write_text(text)
    return read_recording(file)


def test_lines_are_calls_with_what_they_expect(tmp_path: Path) -> None:
    reported = {
        "method": "post",
        "path": "/task?x=1",
        "body": {"a": 1},
        "expect": {"status": 200, "shape": {"code": 0}},
    }

    [first, second] = lines(tmp_path, json.dumps(reported) + "\n\n" + '{"method": "GET", "path": "/balance"}\n')

    assert (first.number, first.method, first.path, first.status) == (1, "POST", "/task?x=1", 200)
    assert (json.loads(first.body), first.shape) == ({"a": 1}, {"code": 0})
    assert (second.number, second.status, second.shape, second.body) == (2, None, None, b"")


def test_a_har_file_is_calls_to_the_host_that_most_of_them_went_to(tmp_path: Path) -> None:
    api, cdn = "https://api.example.org/v2/task?x=1", "https://cdn.example.org/p.png"

    calls = har(tmp_path, entry(api), entry(cdn), entry(api, "POST", postData={"text": '{"a": "ü"}'}))

    assert [(call.path, call.foreign) for call in calls] == [
        ("/v2/task?x=1", False),
        ("/p.png", True),
        ("/v2/task?x=1", False),
    ]
    assert calls[2].body == '{"a": "ü"}'.encode()
    assert calls[0].shape == {"code": 0}


def test_the_key_of_a_recording_is_left_behind(tmp_path: Path) -> None:
    [call] = har(tmp_path, entry("https://api.example.org/"))

    assert call.headers == {"X-Mine": "yes"}


@pytest.mark.parametrize(
    "name", ["Cookie", "X-Api-Key", "api-key", "X-Amz-Security-Token", "Proxy-Authorization", "X-Auth", "Upgrade"]
)
def test_no_header_that_is_a_secret_or_the_connection_s_own_is_sent_again(tmp_path: Path, name: str) -> None:
    reported = entry("https://api.example.org/")
    reported["request"]["headers"] = [{"name": name, "value": "x"}, {"name": "Idempotency-Key", "value": "mine"}]

    [call] = har(tmp_path, reported)

    assert call.headers == {"Idempotency-Key": "mine"}


def test_a_line_ends_where_a_line_ends_and_nowhere_else(tmp_path: Path) -> None:
    reported = {"method": "POST", "path": "/task", "body": {"prompt": "a\u2028b\x85c"}}

    [call] = lines(tmp_path, json.dumps(reported, ensure_ascii=False) + "\r\n")

    assert json.loads(call.body) == {"prompt": "a\u2028b\x85c"}


def test_bodies_may_be_base64(tmp_path: Path) -> None:
    data = {"text": base64.b64encode(b"\x89PNG").decode(), "encoding": "base64"}

    [call] = har(tmp_path, entry("https://api.example.org/", "POST", postData=data))

    assert call.body == b"\x89PNG"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "contains no calls"),
        ("nonsense", "line 1 is not a call"),
        ('{"method": "GET", "path": "/"}\n{"path": "/"}', "line 2 is not a call"),
        ('{"log": {"entries": []}}', "contains no calls"),
        ('{"log": {"entries": [{}]}}', "has no readable calls"),
        ('{"log": {}}', "has no readable calls"),
        ('{"method": "GET", "path": 5}', "line 1 is not a call"),
    ],
)
def test_a_file_that_is_not_a_recording_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadRecording, match=words):
        lines(tmp_path, text)
