"""The parts that generate images, put together for a test."""

from limner.application.generation.attempt import RunAttempt
from limner.application.generation.disk_guard import DiskGuard
from limner.application.generation.generate import Generate
from limner.application.generation.journal import SpendJournal
from limner.application.generation.keep_image import KeepImage
from limner.application.generation.observe_attempt import ObserveAttempt
from limner.application.generation.routing import Routing
from limner.application.generation.stop_jobs import StopJobs
from limner.application.generation.workdirs import Workdirs
from limner.application.images.references import PrepareReferences
from limner.application.tasks.execute import ExecuteTask
from limner.application.tasks.image_request import PrepareInputs
from limner.intake.image_intake import ImageIntake
from limner.ports.blobs import BlobStore
from limner.ports.intake import Intake
from stores import ServiceHarness


def generator(
    journal: SpendJournal, routing: Routing, blobs: BlobStore, disk_guard: DiskGuard | None = None
) -> Generate:
    guard = disk_guard or DiskGuard()
    keep = KeepImage(journal, routing, blobs, ImageIntake(), journal.clock, guard)
    observe = ObserveAttempt(routing)
    return Generate(journal, routing, RunAttempt(journal, routing, keep, journal.clock, guard, observe), journal.clock)


def executor(
    service: ServiceHarness,
    journal: SpendJournal,
    routing: Routing,
    intake: Intake | None = None,
    workdirs: Workdirs | None = None,
) -> ExecuteTask:
    generate = generator(journal, routing, service.blobs)
    references = PrepareReferences(
        service.store, service.blobs, intake or ImageIntake(), service.clock, transcode_webp=False
    )
    return ExecuteTask(
        store=service.store,
        prepare=PrepareInputs(references, service.templates, routing.models, lambda account: f"caller {account}"),
        generate=generate,
        stop_jobs=StopJobs(journal, routing, generate.run_attempt.keep),
        clock=service.clock,
        workdirs=workdirs or Workdirs(service.scratch),
    )
