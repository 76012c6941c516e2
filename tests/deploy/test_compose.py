"""The compose files keep to the schema of Compose, and name settings that Limner has.

`make compose-check` starts what cluster.yaml describes, with the same environment. compose-spec.json is the schema of
the Compose specification, under the Apache licence, version 2.0.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from limner.config_sources import variables_of
from limner.settings import SECRET_VARIABLES, Settings

HERE = Path(__file__).parent
COMPOSE = HERE.parents[1] / "deploy" / "compose"
FILES = sorted(COMPOSE.glob("*.yaml"))
SCHEMA = json.loads((HERE / "compose-spec.json").read_text())
LIBRARIES = {"AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "AWS_REGION", "AWS_ACCESS_KEY_ID", *SECRET_VARIABLES}
"""What the object store's library reads by itself."""


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def services(file: Path) -> Mapping[str, dict[str, Any]]:
    found: Mapping[str, dict[str, Any]] = read(file)["services"]
    return found


def limners(file: Path) -> Iterator[dict[str, Any]]:
    return (each for each in services(file).values() if "LIMNER_IMAGE" in each["image"])


def test_there_are_two() -> None:
    assert [file.name for file in FILES] == ["cluster.yaml", "compose.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_keeps_to_the_schema(file: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(read(file))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    known = {*variables_of(Settings), *LIBRARIES}
    named = {name.removesuffix("_FILE") for each in limners(file) for name in each["environment"]}

    assert named
    assert named - known == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_limner_runs_with_few_rights_and_limits(file: Path) -> None:
    for service in limners(file):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()


def test_every_service_of_the_cluster_has_limits_and_what_runs_on_has_a_health_check() -> None:
    found = services(COMPOSE / "cluster.yaml")
    # That of the API is the image's own.
    unchecked = {name for name, each in found.items() if "healthcheck" not in each}

    assert all(each["deploy"]["resources"]["limits"] for each in found.values())
    assert unchecked == {"migrate", "api"}
    assert found["api"]["deploy"]["replicas"] == found["worker"]["deploy"]["replicas"] == 2


def test_secrets_are_files_and_no_value_of_one_stands_in_the_environment() -> None:
    cluster = read(COMPOSE / "cluster.yaml")
    made = (COMPOSE / "make_secrets.sh").read_text()

    assert all(f"secrets/{name}" in made for name in cluster["secrets"])
    for service in services(COMPOSE / "cluster.yaml").values():
        given = service.get("environment", {})
        files = {value for name, value in given.items() if name.endswith("_FILE")}
        assert files <= {f"/run/secrets/{name}" for name in service.get("secrets", [])}
        assert not {"AWS_SECRET_ACCESS_KEY", "LIMNER_SECRET", "LIMNER_DATABASE_URL", "POSTGRES_PASSWORD"} & given.keys()
