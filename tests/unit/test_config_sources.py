"""Mistakes in the configuration are found at the start, and named with their place and a remedy."""

import os
from pathlib import Path
from typing import Any

import pytest

from limner.config_sources import ConfigError, clean_environment, export_secrets, variables_of
from limner.settings import SECRET_VARIABLES, Settings, SettingsInvalid, load_settings


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = variables_of(Settings)
    for name in [each for each in os.environ if each.startswith("LIMNER_") or each in variables]:
        monkeypatch.delenv(name)


def refused(**chosen: Any) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(**chosen)
    return "\n".join(f"{each.text} | {each.remedy}" for each in caught.value.problems)


def with_toml(folder: Path, text: str) -> Path:
    (folder / "limner.toml").write_text(text, encoding="utf-8")
    return folder


# --- limner.toml ------------------------------------------------------------------------------------------------------


def test_toml_that_cannot_be_parsed_names_file_and_line(tmp_path: Path) -> None:
    reported = refused(data=with_toml(tmp_path, "port = 8000\nhost = localhost\n"))

    assert f"{tmp_path / 'limner.toml'}: " in reported
    assert "line 2" in reported
    assert "quotes" in reported


def test_an_unknown_setting_in_the_file_is_refused_with_its_line_and_the_closest_name(tmp_path: Path) -> None:
    reported = refused(data=with_toml(tmp_path, "host = '::1'\n\nlog_levle = 'debug'\n"))

    assert reported == f"{tmp_path / 'limner.toml'}, line 3: there is no setting 'log_levle' | Did you mean log_level?"


def test_a_wrong_value_in_the_file_names_its_line(tmp_path: Path) -> None:
    reported = refused(data=with_toml(tmp_path, "host = '::1'\nport = 'many'\n"))

    assert reported.startswith(f"{tmp_path / 'limner.toml'}, line 2: setting port: ")


def test_an_unknown_key_of_a_provider_is_refused_with_its_line_and_the_closest_name(tmp_path: Path) -> None:
    reported = refused(data=with_toml(tmp_path, "[provider.bfl]\nenabled = true\nconcurency = 3\n"))

    assert reported == (
        f"{tmp_path / 'limner.toml'}, line 3: there is no setting provider.bfl.concurency | Did you mean concurrency?"
    )


def test_a_configuration_file_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIMNER_CONFIG", str(tmp_path / "absent.toml"))

    assert "absent.toml does not exist" in refused()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_file_is_read_as_editors_and_shells_of_windows_write_it(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text("# für uns\r\nport = 8123\r\n", encoding=encoding)

    assert load_settings(data=tmp_path).port == 8123


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_bytes("port = 8123\n# für uns\n".encode("latin-1"))

    assert refused(data=tmp_path) == (
        f"{tmp_path / 'limner.toml'}, line 2: byte 0xfc is not UTF-8 | Save the file in UTF-8."
    )


def test_a_folder_as_the_configuration_file_is_told(tmp_path: Path) -> None:
    assert f"{tmp_path} is a folder" in refused(config=tmp_path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("PORT = 1", "port"),
        ("LIMNER_PORT = 1", "port"),
        ("Log-Level = 'info'", "log_level"),
        ("OPENAI_API_KEY = 'k'", "openai_api_key"),
    ],
)
def test_the_name_of_a_variable_in_the_file_is_told_how_it_is_written_there(
    written: str, meant: str, tmp_path: Path
) -> None:
    assert refused(data=with_toml(tmp_path, written)).endswith(f"Did you mean {meant}?")


def test_a_section_of_the_file_is_told_where_settings_stand(tmp_path: Path) -> None:
    reported = refused(data=with_toml(tmp_path, "[server]\nport = 8000\n"))

    assert "line 1: there is no setting 'server'" in reported
    assert "Settings stand at the top of the file" in reported


@pytest.mark.parametrize("text", ["[provider]\nname = 'x'\n", "provider = 3\n", "model = 'x'\n", "route = ['x']\n"])
def test_what_is_no_table_is_told_without_names_of_classes(text: str, tmp_path: Path) -> None:
    reported = refused(data=with_toml(tmp_path, text))

    assert "Settings" not in reported
    assert "Write " in reported


def test_vendor_settings_are_known_in_the_file(tmp_path: Path) -> None:
    settings = load_settings(data=with_toml(tmp_path, "bfl_api_key = 'key-of-bfl'\n"))

    assert "key-of-bfl" in settings.secrets


# --- the environment --------------------------------------------------------------------------------------------------


def test_an_unknown_variable_is_refused_with_the_closest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_LOGLEVEL", "debug")

    assert refused() == "there is no setting LIMNER_LOGLEVEL | Did you mean LIMNER_LOG_LEVEL?"


@pytest.mark.parametrize(
    "name", ["LIMNER_KEY", "LIMNER_URL", "LIMNER_SERVICE_HOST", "LIMNER_PORT_8000_TCP", "LIMNER_PORT_8000_TCP_ADDR"]
)
def test_variables_of_clients_and_of_kubernetes_are_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "something")

    assert load_settings().port == 8000


def test_an_unknown_variable_in_another_case_is_told_the_closest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("limner_prt", "9")

    assert refused() == "there is no setting limner_prt | Did you mean LIMNER_PORT?"


def test_choices_are_taken_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_LOG_LEVEL", "INFO")
    monkeypatch.setenv("LIMNER_LOG_FORMAT", "Json")

    assert (load_settings().log_level, load_settings().log_format) == ("info", "json")


def test_a_data_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "limner.db"
    file.touch()

    assert refused(data=file) == (
        f"--data: setting data: {file} is a file | Name a folder; it is made if it is not there."
    )


@pytest.mark.parametrize("url", ["http://a b", "http://host:99999", "http://host:port"])
def test_an_address_with_a_mistake_behind_its_scheme_is_refused(url: str) -> None:
    assert "setting public_url" in refused(public_url=url)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_HOST", "")
    monkeypatch.setenv("LIMNER_PORT", " ")
    monkeypatch.setenv("OPENAI_API_KEY", "")

    settings = load_settings()

    assert (settings.host, settings.port, settings.secrets) == ("127.0.0.1", 8000, set())


def test_values_are_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_HOST", " 127.0.0.2 ")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-key\n")

    settings = load_settings()

    assert (settings.host, settings.secrets) == ("127.0.0.2", {"sk-key"})


def test_a_wrong_value_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_PORT", "many")

    assert refused().startswith("LIMNER_PORT: setting port: ")


def test_a_key_with_a_line_break_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one\nsk-two")

    reported = refused()

    assert "setting openai_api_key: contains a line break" in reported
    assert "sk-one" not in reported


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "LIMNER_PROVIDER__OPENAI__BASE_URL"])
def test_an_address_without_a_scheme_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "api.openai.example/v1")

    assert "begins with http:// or https://" in refused()


# --- files that hold values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "LIMNER_SECRET", "LIMNER_PROVIDER__OPENAI__KEY"])
def test_a_secret_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    secret = "a secret of more than thirty-two characters"
    (tmp_path / "key").write_text(secret + "\n", encoding="utf-8")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "key"))

    assert load_settings().secrets == {secret}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"LIMNER_SECRET_FILE: cannot read .*absent"):
        clean_environment({"LIMNER_SECRET_FILE": str(tmp_path / "absent")}, variables_of(Settings))


def test_a_value_and_its_file_are_not_both_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both LIMNER_SECRET and LIMNER_SECRET_FILE are set"):
        clean_environment({"LIMNER_SECRET": "a", "LIMNER_SECRET_FILE": str(tmp_path)}, variables_of(Settings))


# --- paths ------------------------------------------------------------------------------------------------------------


def test_the_home_folder_is_expanded_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LIMNER_DATA", "~/data")
    monkeypatch.setenv("LIMNER_DATABASE_URL", "sqlite:///~/base.db")
    monkeypatch.setenv("LIMNER_STORAGE_URL", "file://~/blobs")

    settings = load_settings(templates="~/templates")

    assert settings.data == tmp_path / "data"
    assert settings.templates == tmp_path / "templates"
    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'base.db'}"
    assert settings.resolved_storage_url == f"file://{tmp_path / 'blobs'}"


def test_a_secret_of_a_library_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    environ = {"AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "key"), "AWS_REGION_FILE": "/absent"}

    export_secrets(environ, SECRET_VARIABLES)
    export_secrets(environ, SECRET_VARIABLES)

    assert environ == {"AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_REGION_FILE": "/absent"}


# --- several servers as one provider ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('base_urls = ["http://10.0.0.7/v1", "http://10.0.0.7/v1"]', "provider.gpu_room.base_urls"),
        ('base_urls = ["http://10.0.0.7/v1", "https://10.0.0.8/v1"]', "mixes http and https"),
        ('base_urls = ["http://169.254.169.254/v1"]', "no server of yours"),
        ('base_urls = ["gpu7"]', "must be an address that begins with http:// or https://"),
        ("base_urls = []", "1 to 64"),
        ('base_url = "http://10.0.0.7/v1"\nbase_urls = ["http://10.0.0.8/v1"]', "beside base_url"),
        ('base_urls = ["http://10.0.0.8/v1"]\ndraining = ["http://10.0.0.9/v1"]', "provider.gpu_room.draining"),
        ('draining = ["http://10.0.0.9/v1"]', "without base_urls"),
    ],
)
def test_a_mistake_in_the_servers_of_a_provider_is_named(tmp_path: Path, lines: str, named: str) -> None:
    reported = refused(data=with_toml(tmp_path, f'[provider.gpu_room]\nadapter = "openai"\n{lines}\n'))

    assert named in reported


def test_several_servers_are_for_servers_of_your_own(tmp_path: Path) -> None:
    text = '[provider.second]\nadapter = "bfl"\nkey = "a-key"\nbase_urls = ["https://api.bfl.ai"]\n'

    reported = refused(data=with_toml(tmp_path, text))

    assert "not for bfl | Use the adapter openai or ray, or base_url." in reported


# --- pictures straight from the bucket --------------------------------------------------------------------------------


def test_only_an_s3_bucket_delivers_pictures(tmp_path: Path) -> None:
    reported = refused(data=tmp_path, deliver_from_bucket=True)

    assert "the pictures are in no S3 bucket | Set storage_url" in reported


def test_links_of_a_bucket_need_its_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)

    reported = refused(data=tmp_path, deliver_from_bucket=True, storage_url="s3://pictures/limner")

    assert "needs AWS_SECRET_ACCESS_KEY, to sign links | Give the bucket's keys" in reported


def test_an_address_of_the_bucket_alone_does_nothing_and_is_refused(tmp_path: Path) -> None:
    assert "deliver_from_bucket is not" in refused(data=tmp_path, bucket_public_url="https://pictures.example.org")


def test_the_address_of_the_bucket_is_a_web_address(tmp_path: Path) -> None:
    assert "bucket_public_url" in refused(data=tmp_path, bucket_public_url="pictures.example.org")
