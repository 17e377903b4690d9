"""`qifang migrate` and `qifang serve`."""

from __future__ import annotations

import click

from server.console import out, print_json, run
from server.migrate import migrate as run_migrations
from server.settings import settings

STOP_SECONDS_MAX = 20
"""How long a server that was told to stop waits for requests that are under way."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the ids of the migrations that ran, as JSON.")
def migrate(as_json: bool) -> None:
    """Bring the database up to date. Safe to run again, and from several machines at once.

    \b
    Example: qifang migrate
    """
    names = run(run_migrations, migrated=False)
    if as_json:
        print_json(names)
    else:
        out.print(f"{len(names)} migrations ran" if names else "The database is up to date.")


@click.command()
@click.option("--host", default=settings.host, show_default=True)
@click.option("--port", default=settings.port, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes; more than one needs PostgreSQL.")
def serve(host: str, port: int, workers: int) -> None:
    """Answer phones and desks until stopped.

    \b
    Example: QIFANG_DATABASE=postgres://root@127.0.0.1/qifang qifang serve --workers 2
    """
    import uvicorn  # only here: no other command needs it

    if workers > 1 and settings.database_url.startswith("sqlite"):
        raise click.ClickException("SQLite serves one process; use --workers 1 or a PostgreSQL database")
    run(run_migrations, migrated=False)
    uvicorn.run(
        "server.app:app",
        host=host,
        port=port,
        workers=workers,
        log_level=settings.log_level,
        access_log=False,
        proxy_headers=True,
        timeout_graceful_shutdown=STOP_SECONDS_MAX,
    )
