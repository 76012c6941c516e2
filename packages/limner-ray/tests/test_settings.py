"""The settings of the application."""

from pathlib import Path
from typing import Any

import pytest

from limner_ray.settings import BadSettings, read_settings, settings_of

ENGINE: dict[str, Any] = {"name": "flux", "engine": "diffusers", "folder": "/srv/models", "models": ["FLUX.1-dev"]}


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "limner-ray.toml"
    file.write_text(
        'state = "/srv/state"\nport = 9000\n[[engine]]\nname = "flux"\nengine = "diffusers"\nfolder = "/srv/models"\n'
        'models = ["FLUX.1-dev"]\ngpus = 1\nmax_replicas = 4\noptions = { offload = "model" }\n'
    )

    settings = read_settings(file)

    assert (settings.host, settings.port, settings.state) == ("127.0.0.1", 9000, Path("/srv/state"))
    assert settings.engine[0].gpus == 1
    assert settings.engine_of("FLUX.1-dev") is settings.engine[0]
    assert settings.engine_of("another") is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "state: Field required; engine: Field required"),
        ({"state": "s", "engine": []}, "engine: Tuple should have at least 1 item"),
        ({"state": "s", "engine": [ENGINE], "prot": 1}, "prot: Extra inputs are not permitted"),
        ({"state": "s", "engine": [ENGINE | {"name": "A b"}]}, "engine.0.name: String should match pattern"),
        ({"state": "s", "engine": [ENGINE | {"gpu": 1}]}, "engine.0.gpu: Extra inputs are not permitted"),
        ({"state": "s", "engine": [ENGINE | {"folder": ""}]}, "engine.0: Value error, the engine diffusers needs"),
        ({"state": "s", "engine": [ENGINE | {"min_replicas": 2}]}, "engine.0: Value error, max_replicas is 1"),
        ({"state": "s", "engine": [ENGINE | {"warm_up": "x"}]}, "engine.0: Value error, warm_up 'x' is none of"),
        ({"state": "s", "engine": [ENGINE, ENGINE]}, "Value error, there are two of the engine 'flux'"),
        ({"state": "s", "engine": [ENGINE, ENGINE | {"name": "b"}]}, "Value error, there are two of the model"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings_of(table)

    assert str(refused.value).startswith(said)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("state = ")
    with pytest.raises(BadSettings, match="is no TOML"):
        read_settings(tmp_path / "bad.toml")
