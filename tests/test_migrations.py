"""The history of the schema: complete, in order, and reversible with data in it."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ON_POSTGRES, POSTGRES, in_maintenance

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "migrations").glob("*.py"))


@pytest.fixture
def environment(tmp_path):
    """A database of its own for a process of its own."""
    name = f"qifang_migrations_{os.getpid()}"
    if ON_POSTGRES:
        asyncio.run(in_maintenance(f"CREATE DATABASE {name}"))
    url = f"{POSTGRES.rsplit('/', 1)[0]}/{name}" if ON_POSTGRES else ""
    yield os.environ | {
        "QIFANG_DATA": str(tmp_path),
        "QIFANG_DATABASE": url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    if ON_POSTGRES:
        asyncio.run(in_maintenance(f"DROP DATABASE {name} WITH (FORCE)"))


def run(environment: dict[str, str], *command: str, answer: str = "") -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, input=answer, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_files_are_in_the_order_of_their_ids_and_import_no_tables():
    ids = [re.search(r'^ID = "(.+)"$', path.read_text(), re.MULTILINE)[1] for path in FILES]
    assert ids == sorted(set(ids))
    assert [
        path.name
        for path in FILES
        if re.search(r"^\s*(from|import) (server|sync|forms)\.?.*tables", path.read_text(), re.M)
    ] == []


def test_the_history_goes_forwards_back_and_forwards_again_with_data_in_it(environment):
    run(environment, "qifang", "init", "donghu", "东湖区中小企业服务局")
    run(environment, "qifang", "enterprise", "import", "docs/walk/enterprises.csv")
    after_tables = re.search(r'^ID = "(.+)"$', FILES[1].read_text(), re.MULTILINE)[1]

    run(environment, "piccolo", "migrations", "backwards", "server", after_tables, "--auto_agree")
    assert run(environment, "qifang", "migrate", "--json").count("2026-") == len(FILES) - 1
    assert "云软件" in run(environment, "qifang", "enterprise", "list", "云软件"), "what people wrote is still there"

    run(environment, "piccolo", "migrations", "backwards", "server", "all", "--auto_agree")
    run(environment, "qifang", "init", "donghu", "东湖区中小企业服务局")


def test_no_table_has_changed_without_a_migration(environment, tmp_path):
    copy = tmp_path / "checkout"
    for name in ("server", "sync", "forms", "migrations"):
        shutil.copytree(ROOT / name, copy / name)
    (copy / "piccolo_conf.py").write_text((ROOT / "piccolo_conf.py").read_text())
    made = environment | {"PYTHONPATH": str(copy)}
    done = subprocess.run(
        ["piccolo", "migrations", "new", "server", "--auto", "--desc=check"],
        cwd=copy,
        env=made,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    new = {path.name for path in (copy / "migrations").glob("*.py")} - {path.name for path in FILES}
    assert new == set(), f"run `make migration NAME=…`: {done.stdout}"
