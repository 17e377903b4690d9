"""`qifang backup`, `qifang restore`, `qifang doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.progress import Progress, TextColumn

from server.console import json_option, out, print_json, print_table, run
from server.keeping.archive import Manifest, read_manifest
from server.keeping.backup import write_backup
from server.keeping.doctor import examine
from server.keeping.history import begin_new_history
from server.keeping.restore import restore_backup
from server.moment import now


@click.command()
@click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))
@json_option
def backup(path: Path | None, as_json: bool) -> None:
    """Write everything into one file while the server runs.

    \b
    Example: qifang backup /srv/backups/monday.tar.gz
    """
    target = path or Path(f"qifang-{now():%Y%m%dT%H%M%SZ}.tar.gz")

    async def work() -> Manifest:
        with _progress("backup", as_json) as bar:
            task = bar.add_task("rows", total=None, name="")
            return await write_backup(target, lambda name, rows: bar.update(task, advance=rows, name=name))

    _tell(run(work), target, as_json)


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def restore(path: Path, as_json: bool) -> None:
    """Fill an empty database and data folder from a backup, SQLite or PostgreSQL alike. Phones reconcile afterwards.

    \b
    Example: QIFANG_DATABASE=postgres://root@127.0.0.1/qifang qifang restore monday.tar.gz
    """

    async def work() -> Manifest:
        total = sum(read_manifest(path).rows.values())
        with _progress("restore", as_json) as bar:
            task = bar.add_task("rows", total=total, name="")
            return await restore_backup(path, lambda name, rows: bar.update(task, advance=rows, name=name))

    _tell(run(work, migrated=False), path, as_json)


@click.command()
@json_option
def reconcile(as_json: bool) -> None:
    """Have every phone compare itself with the server and send again what it did in the last thirty days.

    \b
    Run it after a database was put back by hand (a copied file, pg_restore); `qifang restore` does it by itself.
    Example: qifang reconcile
    """
    codes = run(begin_new_history)
    if as_json:
        print_json(codes)
    else:
        out.print(f"{len(codes)} 个机构的手机将重新核对 / phones of {len(codes)} bureaus will compare themselves")


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check the installation; exit code 1 when something is broken.

    \b
    Example: qifang doctor --json
    """
    findings = run(examine, migrated=False)
    if as_json:
        print_json(findings)
    else:
        print_table("", ["check", "state", ""], [(f.name, f.state, f.says) for f in findings], "")
    if any(finding.state == "fail" for finding in findings):
        sys.exit(1)


def _progress(verb: str, silent: bool) -> Progress:
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[name]}"))
    return Progress(TextColumn(verb), *columns, console=out, transient=True, disable=silent)


def _tell(manifest: Manifest, path: Path, as_json: bool) -> None:
    if as_json:
        print_json(manifest)
    else:
        rows = sum(manifest.rows.values())
        out.print(
            f"{path}: {rows} rows of {len(manifest.rows)} tables, made {manifest.made_at.isoformat(timespec='seconds')}"
        )
