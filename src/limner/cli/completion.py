"""Shell completion of models, templates and task ids. Whatever fails completes nothing."""

import contextlib
from pathlib import Path

import typer


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    from limner.settings import load_settings

    with contextlib.suppress(Exception):
        models = load_settings(data=_data(ctx)).models
        return [name for name in (*models, *models.aliases) if name.startswith(incomplete)]
    return []


def templates(ctx: typer.Context, incomplete: str) -> list[str]:
    from limner.settings import load_settings
    from limner.templates.loader import load_templates

    with contextlib.suppress(Exception):
        settings = load_settings(data=_data(ctx))
        found = load_templates(*([settings.templates] if settings.templates else []))
        return [name for name in found if name.startswith(incomplete)]
    return []


def task_ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of the most recent tasks, with their status and prompt."""
    import asyncio

    from limner.db.open_store import open_store
    from limner.settings import load_settings

    async def recent() -> list[tuple[str, str]]:
        store = open_store(load_settings(data=_data(ctx)).resolved_direct_url)
        try:
            found = await store.read(lambda records: records.tasks.recent(account=None, status=None, limit=50))
        finally:
            await store.close()
        return [(task.id, f"{task.status} {str(task.echo.get('prompt', ''))[:40]}") for task in found]

    with contextlib.suppress(Exception):
        return [(task, about) for task, about in asyncio.run(recent()) if task.startswith(incomplete)]
    return []


def _data(ctx: typer.Context) -> Path | None:
    value = ctx.params.get("data")
    return Path(value) if value else None
