"""Whatever is wrong with whatever setting: the message names it, and says what to write instead."""

import os
from pathlib import Path

import pytest

from limner.config_sources import variables_of
from limner.settings import Settings, SettingsInvalid, SettingsProblem, load_settings

VARIABLES = {setting: variable for variable, setting in variables_of(Settings).items()}
WORDS = ("http", "-1", "a\nb", "[1", "{}", '[{"x": 1}]', "::1::")
VALUES = ("-1", "true", "'x'", "[1]", "{ x = 1 }")
TAKES_ANY_TEXT = {
    "data", "host", "templates", "storage_url", "no_proxy", "bfl_polling_hosts", "diffusers_models",
    "provenance_certificate", "provenance_key", "provenance_program", "provenance_time_stamps", "provenance_trusted",
}  # fmt: skip
"""Settings that a variable can hardly get wrong when they are read: their value is tried where it is used."""


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name for name in os.environ if name.upper().startswith("LIMNER_") or name.upper() in VARIABLES.values()}
    for name in ours:
        monkeypatch.delenv(name)


def problems(data: Path) -> list[SettingsProblem]:
    try:
        load_settings(data=data)
    except SettingsInvalid as invalid:
        return list(invalid.problems)
    return []


@pytest.mark.parametrize("setting", VARIABLES)
def test_a_wrong_variable_gets_a_remedy(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for word in WORDS:
        monkeypatch.setenv(VARIABLES[setting], word)
        found += problems(tmp_path)

    assert found or setting in TAKES_ANY_TEXT
    assert [each for each in found if not each.remedy] == []
    assert [each for each in found if setting not in each.text and VARIABLES[setting] not in each.text] == []


@pytest.mark.parametrize("setting", sorted(VARIABLES.keys() - {"data"}))
def test_a_wrong_value_in_the_file_gets_a_line_and_a_remedy(setting: str, tmp_path: Path) -> None:
    found = []
    for value in VALUES:
        (tmp_path / "limner.toml").write_text(f"# the settings\n{setting} = {value}\n")
        found += problems(tmp_path)

    assert found
    assert [each for each in found if not each.remedy] == []
    assert [each for each in found if "limner.toml, line 2: " not in each.text or setting not in each.text] == []


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("port = 'http'", "Write a whole number from 0 to 65535. It is: Port to listen on; 0 takes a free one."),
        ("engine = 'fast'", "Write one of builtin, sandbox. It is: What serves the models"),
        ("openai_api_key = 1", "Write text, which needs quotes in TOML. It is: "),
        ('openai_api_key = "a\\nb"', "Copy the key again, on one line"),
        ("openai_api_key = \"'sk-1'\"", "Write the key alone."),
        ('fal_key = "Key a:b"', "Write the key alone."),
        ("[provider.bfl]\nkey = 'Bearer x'", "Write the key alone."),
        ("webhook_timeout_s = 31", "Write a number above 0 to 30."),
        ("[[route]]\nmodel = 'gpt_4o'\nprovider = 'openai'", "Add upstream. It is: What the provider calls the model."),
        ("[provider.bfl]\nconcurrency = 0", "Write a whole number from 1. It is: Requests in progress at once"),
        ("[provider.mine]\nkey = 'x'", "Give its adapter, or name it as one of these: bfl,"),
        ("tls_key = 'key.pem'", "Set tls_cert as well, or leave out both."),
        ("default_model = 'gpt_5'", "It may be flux.1_kontext_pro, "),
    ],
)
def test_the_remedy_says_what_to_write(text: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text(text)

    assert any(each.remedy.startswith(remedy) for each in problems(tmp_path)), problems(tmp_path)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ('"sk-1"', "stands in quotes, which are not part of it"),
        ("'sk-1'", "stands in quotes, which are not part of it"),
        ("Bearer sk-1", "begins with 'Bearer', which is not part of it"),
        ("bearer  sk-1", "begins with 'bearer', which is not part of it"),
        ("Authorization: Bearer sk-1", "begins with 'Authorization: Bearer', which is not part of it"),
        *((key, None) for key in ("sk-1", "a'b", "'", "bearer-1", "id:secret", "Keyword 1")),
    ],
)
def test_what_was_copied_along_with_a_key_is_told(
    key: str, problem: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    found = problems(tmp_path)

    assert [each.text for each in found] == ([f"OPENAI_API_KEY: setting openai_api_key: {problem}"] if problem else [])
    assert all("sk-1" not in each.text + each.remedy for each in found)


def test_the_key_of_a_vendor_may_not_be_in_quotes_in_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text('"sk-1"\n')
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))

    assert [each.text for each in problems(tmp_path)] == [
        "OPENAI_API_KEY_FILE: setting openai_api_key: stands in quotes, which are not part of it"
    ]


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY_FILE", "LIMNER_SECRET_FILE", "AWS_SECRET_ACCESS_KEY_FILE"])
@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_file_is_not_taken_for_no_value(
    variable: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "value"
    file.write_text(content)
    monkeypatch.setenv(variable, str(file))

    assert problems(tmp_path) == [
        SettingsProblem(f"{variable}: {file} is empty", f"Write the value into it, or do not set {variable}.")
    ]
