"""The ASGI application: `uvicorn --factory limner.asgi:create` for those who bring their own server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from limner.api.app import create_app
from limner.api.face import Face
from limner.bootstrap import Limner, build, prepare_data
from limner.settings import Settings, load_settings
from limner.telemetry.logs import configure_logs


def create(settings: Settings | None = None, *, with_worker: bool = True) -> Starlette:
    """The application over its data folder; with a worker in it unless told otherwise."""
    settings = settings or load_settings()
    configure_logs(settings.log_format, settings.log_level)
    prepare_data(settings)
    return application(build(settings), with_worker=with_worker)


def application(limner: Limner, *, with_worker: bool) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        worker = limner.worker() if with_worker else None
        if worker:
            worker.start()
        yield
        if worker:
            await worker.stop()
        await limner.close()

    return create_app(_face(limner), lifespan)


def _face(limner: Limner) -> Face:
    return Face(
        authenticate=limner.authenticate,
        submit=limner.submit,
        read=limner.read,
        cancel=limner.cancel,
        upload=limner.upload,
        routing=limner.routing,
        links=limner.links,
        store=limner.store,
        blobs=limner.blobs,
        clock=limner.clock,
        scratch=limner.scratch.folder,
        uploads_per_second=limner.settings.uploads_per_second,
    )
