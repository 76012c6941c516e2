import json
import logging

import pytest
import structlog

from limner.telemetry.logs import configure_logs


def break_down() -> None:
    headers = {"x-key": "a-vendors-key"}
    raise LookupError(f"{len(headers)} headers")


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_local_variables(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure_logs(form, "info")

    try:
        break_down()
    except LookupError:
        structlog.get_logger().exception("task broke")

    reported = capsys.readouterr().err
    assert "LookupError" in reported
    assert "1 headers" in reported
    assert "a-vendors-key" not in reported


SECRET = 'a-vendors "key" that says nothing'


def broken(secret: str) -> None:
    raise LookupError(f"refused: {secret}")


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_gets_out_by_any_way_into_a_log(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure_logs(form, "debug", [SECRET])
    log, said = structlog.get_logger(), f"said {SECRET}"

    log.info(said, at_once=SECRET, deep={"headers": [{"x-key": SECRET}]}, key="tsk_0123456789abcdef")
    try:
        broken(SECRET)
    except LookupError:
        log.exception("task broke", url=f"https://vendor.example/?key={SECRET}")
        logging.getLogger("some.library").exception("it broke with %s", SECRET)

    reported = capsys.readouterr().err
    assert reported.count("LookupError") >= 2
    assert reported.count("[…]") + reported.count("\\u2026") >= 7
    assert "a-vendors" not in reported
    assert "0123456789abcdef" not in reported


def test_lines_of_other_libraries_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info", [SECRET])

    structlog.get_logger().info("ours", number=1)
    logging.getLogger("other.package").warning("theirs %s", 2)
    try:
        break_down()
    except LookupError:
        logging.getLogger("other.package").exception("it broke")

    ours, theirs, broke = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["level"]) == ("ours", "info")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("theirs 2", "warning", "other.package")
    assert "LookupError" in broke["exception"]
