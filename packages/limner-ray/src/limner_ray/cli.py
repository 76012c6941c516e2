"""The command `limner-ray`: deploy the application, show its jobs, drain it."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports its use to its makers unless it is told not to

from limner_ray.settings import BadSettings, RaySettings, read_settings


def main() -> None:
    arguments = _parsed()
    try:
        settings = read_settings(arguments.settings)
    except BadSettings as error:
        sys.exit(f"limner-ray: {error}")
    arguments.run(settings, arguments)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="limner-ray", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, words in (
        (check, "say whether the settings can be used; connects to nothing"),
        (deploy, "deploy, or change what is deployed; jobs that run go on"),
        (status, "show the deployments, and the jobs that wait or run"),
        (drain, "accept no further jobs until the next deploy"),
    ):
        command = commands.add_parser(run.__name__, help=words)
        command.add_argument("settings", type=Path, help="a TOML file")
        if run is not check:
            command.add_argument("--address", default="auto", help="of the cluster; the one of this machine by default")
        command.set_defaults(run=run)
    return parser.parse_args()


def check(settings: RaySettings, _: argparse.Namespace) -> None:
    for engine in settings.engine:
        _say(f"{engine.name}: {engine.engine} with {', '.join(engine.models)}")


def deploy(settings: RaySettings, arguments: argparse.Namespace) -> None:
    _connect(arguments.address)
    from limner_ray.application import deploy as deploy_application  # noqa: PLC0415 - Ray takes seconds to import

    deploy_application(settings)
    _say(f"jobs are taken at http://{settings.host}:{settings.port}")


def status(_: RaySettings, arguments: argparse.Namespace) -> None:
    ray = _connect(arguments.address)
    from ray import serve  # noqa: PLC0415 - as above

    for name, application in serve.status().applications.items():
        for deployment, facts in application.deployments.items():
            _say(json.dumps({"application": name, "deployment": deployment, "status": facts.status}))
    for job in ray.get(_registry(ray).unfinished.remote()):
        _say(json.dumps(job.shown()))


def drain(_: RaySettings, arguments: argparse.Namespace) -> None:
    ray = _connect(arguments.address)
    left = ray.get(_registry(ray).drain.remote())
    _say(f"no further jobs are accepted; {left} wait or run")


def _connect(address: str) -> Any:
    import ray  # noqa: PLC0415 - as above

    ray.init(address=address, log_to_driver=False)
    return ray


def _registry(ray: Any) -> Any:
    from limner_ray.registry import NAME, NAMESPACE  # noqa: PLC0415 - as above

    return ray.get_actor(NAME, NAMESPACE)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
