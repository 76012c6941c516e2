"""The kept renders of the Helm chart are of the chart as it is, and keep to what Limner promises.

`make chart-check` renders, lints and checks them against the schemas of Kubernetes: Helm weighs too much for a suite.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from limner.config_sources import variables_of
from limner.settings import Settings
from project_scripts import load_script

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "deploy" / "chart"
CHART = ROOT / "deploy" / "helm" / "limner"
NAMES = ["hpa", "keda", "minimal"]


def objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((CASES / f"{name}.rendered.yaml").read_text()))


def of_kind(name: str, kind: str) -> list[dict[str, Any]]:
    return [each for each in objects(name) if each["kind"] == kind]


def pods(name: str) -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for kind in ("Deployment", "Job") for each in of_kind(name, kind)]


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script of `make chart-check`, whose libraries are not in this environment."""
    for library in ("helm_python", "helm_python.chart", "helm_python.errors", "kubernetes_validate.utils"):
        monkeypatch.setitem(sys.modules, library, MagicMock())
    return load_script("check_chart")


def test_the_renders_are_of_the_chart_as_it_is(checker: ModuleType) -> None:
    assert (CASES / "digest.txt").read_text().strip() == checker.digest(), "run `make chart-check WRITE=1`"
    assert sorted(path.name.partition(".")[0] for path in CASES.glob("*.rendered.yaml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_pods_run_with_few_rights(name: str) -> None:
    for pod in pods(name):
        (container,) = pod["containers"]

        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_a_setting(name: str) -> None:
    named = {variable["name"] for pod in pods(name) for variable in pod["containers"][0]["env"]}

    assert named - variables_of(Settings).keys() <= {"AWS_REGION"}
    assert "LIMNER_STORAGE_URL" in named


@pytest.mark.parametrize("name", NAMES)
def test_a_pod_gets_longer_to_stop_than_its_tasks_to_end(name: str) -> None:
    for pod in pods(name):
        drain = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}["LIMNER_DRAIN_S"]

        assert pod.get("terminationGracePeriodSeconds", 999) > int(drain)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("minimal", {"Deployment": 2, "Service": 1, "Job": 1, "PodDisruptionBudget": 2, "NetworkPolicy": 1}),
        ("keda", {"ScaledObject": 1, "HorizontalPodAutoscaler": 1, "ServiceMonitor": 1, "Ingress": 1}),
        ("hpa", {"HorizontalPodAutoscaler": 1, "PodDisruptionBudget": 0, "NetworkPolicy": 0, "ScaledObject": 0}),
    ],
)
def test_values_choose_what_there_is(name: str, kinds: dict[str, int]) -> None:
    assert {kind: len(of_kind(name, kind)) for kind in kinds} == kinds


def test_what_scales_has_no_number_of_replicas_of_its_own() -> None:
    fixed = {name: [each["spec"].get("replicas") for each in of_kind(name, "Deployment")] for name in NAMES}

    assert fixed == {"minimal": [2, 2], "keda": [None, None], "hpa": [2, None]}


def test_workers_are_scaled_by_a_metric_that_there_is() -> None:
    (scaled,) = of_kind("keda", "ScaledObject")
    (by_adapter,) = of_kind("hpa", "HorizontalPodAutoscaler")
    metrics = (ROOT / "docs" / "metrics.md").read_text()

    assert "limner_queue_oldest_seconds" in scaled["spec"]["triggers"][0]["metadata"]["query"]
    assert by_adapter["spec"]["metrics"][0]["external"]["metric"] == {"name": "limner_queue_oldest_seconds"}
    assert "`limner_queue_oldest_seconds`" in metrics


def test_each_value_is_told_about() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert [name for name in values if f"`{name}" not in page] == []


@pytest.mark.parametrize("kind", ["ScaledObject", "ServiceMonitor"])
def test_a_misspelt_field_of_a_resource_with_a_schema_of_ours_is_refused(checker: ModuleType, kind: str) -> None:
    """`make chart-check` does the same with all objects, by the schemas of Kubernetes."""
    (whole,) = of_kind("keda", kind)
    wrong = dict(checker.misspelt(whole))

    assert list(checker.invalid([whole])) == []
    assert (kind, "spec") in wrong
    assert len(wrong) > 8
    assert list(checker.taken(wrong)) == []


def test_a_field_that_is_misspelt_is_every_field(checker: ModuleType) -> None:
    whole = {"kind": "Thing", "metadata": {"labels": {"a": "b"}}, "spec": {"items": [{"port": 1}]}}

    assert [fields for fields, _ in checker.misspelt(whole)] == [
        ("Thing", "metadata"),
        ("Thing", "metadata", "labels"),
        ("Thing", "spec"),
        ("Thing", "spec", "items"),
        ("Thing", "spec", "items", "0", "port"),
    ]
