"""The README's walk, command by command, against a running server on a real database."""

import asyncio
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.conftest import ON_POSTGRES, POSTGRES, in_maintenance

ROOT = Path(__file__).parent.parent
START_SECONDS_MAX = 30


def blocks(heading: str) -> str:
    """The shell commands of one section of the README, in order."""
    section = re.split(r"^#{2,3} ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))


class Walker:
    """A newcomer's terminal: commands run in the repository, with the server's settings."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder

    def run(self, commands: str) -> str:
        script = f"set -euo pipefail\ncd {self.folder}\n{commands}"
        done = subprocess.run(["bash", "-c", script], env=self.environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def api(self, path: str, who: str) -> object:
        return msgspec.json.decode(self.run(f"qifang api GET '{path}' --as {who}"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    (folder / "walk").mkdir()
    for name in ("docs", "server"):  # what the README's relative paths name
        (folder / name).symlink_to(ROOT / name)
    port = free_port()
    database = f"qifang_walk_{os.getpid()}"
    url = f"{POSTGRES.rsplit('/', 1)[0]}/{database}" if ON_POSTGRES else ""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QIFANG_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "QIFANG_DATA": str(folder / "walk"),
        "QIFANG_DATABASE": url,
        "QIFANG_PORT": str(port),
        "QIFANG_PASSWORD_MEMORY_MIB": "1",
        "QIFANG_LOG_LEVEL": "error",
        "LC_ALL": "C.UTF-8",
    }
    if ON_POSTGRES:
        asyncio.run(in_maintenance(f"CREATE DATABASE {database}"))
    log = (folder / "server.log").open("w+")
    server = subprocess.Popen(
        [sys.executable, "-m", "server.cli", "serve"], env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        wait_until_answers(server, port, folder / "server.log")
        yield Walker(environment, folder)
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()
        if ON_POSTGRES:
            asyncio.run(in_maintenance(f"DROP DATABASE {database} WITH (FORCE)"))


def wait_until_answers(server: subprocess.Popen, port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not answer: {log.read_text()}")


def test_a_visit_becomes_an_issue_and_is_closed(walker):
    output = walker.run(blocks("The walk"))

    assert "no answer: the work stays in the queue" in output
    assert "duplicate" in output, "the second push did not meet its own first"
    records = walker.api("/v1/records", "sun")["items"]
    assert len(records) == 1
    issues = walker.api("/v1/issues?state=all", "lin")["items"]
    assert sorted(issue["title"] for issue in issues) == ["流动资金紧张", "缺数控技工"]
    closed = next(issue for issue in issues if issue["title"] == "流动资金紧张")
    detail = walker.api(f"/v1/issues/{closed['number']}", "lin")
    assert detail["state"] == "CLOSED"


def test_three_phones_sign_in_at_one_symposium_and_each_problem_finds_its_enterprise(walker):
    walker.run(blocks("A symposium"))

    meeting = walker.api("/v1/symposia", "zhou")["items"][0]
    people = walker.api(f"/v1/symposia/{meeting['id']}/attendance", "zhou")["items"]
    assert {person["name"] for person in people} >= {"何经理", "罗江", "邵总"}
    reports = {report["title"]: report for report in walker.api("/v1/reports", "sun")["items"]}
    road, testers = reports["园区门口白天禁货车"], reports["招不到软件测试人员"]
    assert None not in (road["enterprise"], testers["enterprise"])
    assert road["enterprise"] != testers["enterprise"]
    titles = [issue["title"] for issue in walker.api("/v1/issues", "lin")["items"]]
    assert {"园区门口白天禁货车", "招不到软件测试人员"} <= set(titles)


def test_a_campaign_counts_who_answered_by_visit_and_by_link(walker):
    walker.run(blocks("A campaign"))

    campaign = walker.api("/v1/campaigns", "sun")["items"][0]
    slots = walker.api(f"/v1/campaigns/{campaign['id']}/rounds/1/slots", "sun")["items"]
    assert len(slots) == 6
    filled = {slot["code"]: slot["via"] for slot in slots if slot["state"] == "filled"}
    assert filled == {"91360102MA35AB01XW": "visit", "91360102MA35AB028W": "link"}
    board = walker.api(f"/v1/campaigns/{campaign['id']}/rounds/1", "sun")
    assert (board["rates"]["targets"], board["rates"]["filled"]) == (6, 2)


def test_a_backup_restores_into_another_database_with_a_new_epoch(walker, tmp_path):
    """From SQLite or PostgreSQL into SQLite: a bureau may move either way."""
    if not walker.api("/v1/records", "sun")["items"]:
        pytest.skip("the walk did not run before")
    archive = tmp_path / "backup.tar.gz"
    told = msgspec.json.decode(walker.run(f"qifang backup {archive} --json"))
    restored = Walker(
        walker.environment | {"QIFANG_DATA": str(tmp_path / "data"), "QIFANG_DATABASE": ""}, walker.folder
    )
    elsewhere = f"sqlite:///{tmp_path / 'data' / 'qifang.db'}"

    assert told["rows"]["record"] >= 1
    assert msgspec.json.decode(restored.run(f"qifang restore {archive} --json"))["rows"] == told["rows"]
    findings = msgspec.json.decode(restored.run("qifang doctor --json"))
    assert [finding for finding in findings if finding["state"] == "fail"] == []
    assert [path.name for path in (tmp_path / "data").glob("files/*/*")], "the photo came along"
    with sqlite3.connect(elsewhere.removeprefix("sqlite:///")) as database:
        after = database.execute("SELECT epoch FROM sync_head").fetchone()[0]
        assert database.execute("SELECT count(*) FROM record").fetchone()[0] == told["rows"]["record"]
    before = walker.run(f"tar -xzOf {archive} tables/sync_head.ndjson")
    assert after not in before
    refused = subprocess.run(
        ["qifang", "restore", str(archive)], env=restored.environment, capture_output=True, text=True, timeout=60
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("backup.not_empty")
