"""`qifang`: the console. Each concept brings its own commands; this file lists them."""

from __future__ import annotations

import click

from server.campaigns import commands as campaigns
from server.console import out, print_json, run
from server.demo.commands import demo
from server.devices import commands as devices
from server.enterprises import commands as enterprises
from server.issues import commands as issues
from server.keeping import commands as keeping
from server.migrate import migrate as run_migrations
from server.people import commands as people
from server.questionnaires import commands as questionnaires
from server.routing import commands as routing
from server.settings import settings
from server.simulation.api_command import api
from server.simulation.phone_commands import phone
from server.simulation.simulate_command import simulate_phones


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="qifang", prog_name="qifang")
def main() -> None:
    """Qifang 企访: visits, questionnaires and a follow-up queue nobody can lose sight of.

    \b
    First steps:
      qifang init donghu 东湖区中小企业服务局 --region 360102
      qifang serve
    Settings come from QIFANG_… variables; see docs/operate.md.
    """


@main.command()
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


@main.command()
@click.option("--host", default=settings.host, show_default=True)
@click.option("--port", default=settings.port, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes; more than one needs PostgreSQL.")
def serve(host: str, port: int, workers: int) -> None:
    """Answer phones and desks until stopped.

    \b
    Example: QIFANG_DATABASE=postgres://root@127.0.0.1/qifang qifang serve --workers 2
    """
    import uvicorn

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
    )


main.add_command(people.init)
main.add_command(people.unit)
main.add_command(people.person)
main.add_command(enterprises.enterprise)
main.add_command(devices.device)
main.add_command(questionnaires.form)
main.add_command(routing.routing)
main.add_command(issues.issue)
main.add_command(demo)
main.add_command(api)
main.add_command(phone)
main.add_command(simulate_phones)
for command in (keeping.backup, keeping.restore, keeping.doctor):
    main.add_command(command)
main.add_command(campaigns.campaign)


if __name__ == "__main__":
    main()
