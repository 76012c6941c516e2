"""The Ray Serve application: a deployment for each engine, and one that answers HTTP."""

from typing import Any, Final

import ray
from ray import serve

from limner_ray.http_api import JobsApi
from limner_ray.registry import APPLICATION, RegistryClient, start_registry
from limner_ray.replica import EngineReplica
from limner_ray.settings import EngineSettings, RaySettings, settings_of

HTTP: Final = "limner-http"
REGISTRY_WAIT_S: Final = 10.0
"""How long a request waits for a registry that is begun anew."""


def application(settings: RaySettings) -> Any:
    """The application for `serve.run`."""
    engines = [_engine(each) for each in settings.engine]
    models = frozenset(model for each in settings.engine for model in each.models)
    key = settings.key_file.read_text().strip() if settings.key_file else ""

    def api() -> Any:
        return JobsApi(RegistryClient(REGISTRY_WAIT_S), key, models).application()

    http = serve.deployment(serve.ingress(api)(Http)).options(
        name=HTTP,
        num_replicas=1,
        max_ongoing_requests=500,
        max_surge_percent=100,  # a new one answers before the old one goes
        ray_actor_options={"num_cpus": 0},
        graceful_shutdown_timeout_s=30,
    )
    return http.bind(*engines)


def build(arguments: dict[str, Any]) -> Any:
    """For Ray Serve's own configuration files: `import_path: limner_ray.application:build`, the settings as `args`."""
    settings = settings_of(arguments)
    start_registry(settings)
    return application(settings)


def deploy(settings: RaySettings) -> None:
    """Deploy to the cluster that this process is connected to. What runs there goes on, and drains where it changes.

    Returns when every deployment is ready, and raises where one does not become so.
    """
    registry = start_registry(settings)
    ray.get(registry.configure.remote(settings))
    location = "HeadOnly" if settings.proxies == "head" else "EveryNode"
    serve.start(proxy_location=location, http_options={"host": settings.host, "port": settings.port})
    serve.run(application(settings), name=APPLICATION, route_prefix="/")


class Http:
    """Answers HTTP. It is bound to the engines, so that they are deployed with it."""

    def __init__(self, *engines: Any) -> None:
        self._engines = engines


def _engine(settings: EngineSettings) -> Any:
    options: dict[str, Any] = {"num_cpus": settings.cpus, "num_gpus": settings.gpus, "resources": settings.resources}
    deployment = serve.deployment(EngineReplica).options(
        name=settings.name,
        ray_actor_options={name: value for name, value in options.items() if value or name == "num_cpus"},
        max_ongoing_requests=1,  # one picture at a time: the others wait where they can go to another replica
        autoscaling_config={
            "min_replicas": settings.min_replicas,
            "max_replicas": settings.max_replicas,
            "target_ongoing_requests": settings.jobs_per_replica,
            "upscale_delay_s": settings.upscale_delay_s,
            "downscale_delay_s": settings.downscale_delay_s,
            "look_back_period_s": settings.look_back_s,
        },
        graceful_shutdown_wait_loop_s=1,
        graceful_shutdown_timeout_s=settings.drain_s,
        health_check_period_s=5,
        health_check_timeout_s=30,
        user_config={"warm_up": settings.warm_up},
    )
    return deployment.bind(settings)
