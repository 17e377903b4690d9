"""The console on a bad day: one line that says what to do, never a traceback, and nothing written first."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from server.cli import main
from server.simulation.api_command import show

ROOT = Path(__file__).parent.parent.parent


def said(*command: str) -> str:
    """What a command prints that ends with a no of its own."""
    done = CliRunner().invoke(main, command)
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (1, 2)
    return done.output


@pytest.mark.parametrize("answers", ["[1]", "not json", ""])
def test_answers_that_are_no_object_are_told(tmp_path, answers):
    (tmp_path / "answers.json").write_text(answers)
    out = said("phone", "fill", "visit_record", str(tmp_path / "answers.json"), "--store", str(tmp_path / "zhou.phone"))
    assert "must hold the answers as one JSON object" in out


def test_a_store_that_cannot_be_opened_is_told(tmp_path):
    assert "cannot be the memory of a phone" in said("phone", "pull", "--store", str(tmp_path / "none" / "zhou.phone"))
    (tmp_path / "text").write_text("no database, but words enough to be taken for one" * 20)
    assert "cannot be the memory of a phone" in said("phone", "pull", "--store", str(tmp_path / "text"))


def test_a_report_that_cannot_be_written_is_told_before_anything_is_imported(tmp_path):
    (tmp_path / "list.csv").write_text("名称\n甲\n")
    out = said("enterprise", "import", str(tmp_path / "list.csv"), "--report", str(tmp_path / "none" / "report.csv"))
    assert "report.csv" in out


def test_a_database_that_does_not_answer_is_told(tmp_path):
    environment = os.environ | {
        "QIFANG_DATA": str(tmp_path), "QIFANG_DATABASE": "postgres://root@127.0.0.1:1/qifang", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "doctor"], env=environment, cwd=ROOT, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: the database does not open")
    assert "QIFANG_DATABASE" in done.stderr


def test_what_the_server_sends_is_shown_as_what_it_is(capsysbinary):
    show(httpx.Response(200, content="名称\n甲\n".encode(), headers={"content-type": "text/csv"}), "")
    assert capsysbinary.readouterr().out.decode().startswith("名称")
    show(httpx.Response(200, json={"items": [{"number": "东湖-1"}]}), "items.0.number")
    assert capsysbinary.readouterr().out.decode() == "东湖-1\n"
    with pytest.raises(SystemExit):
        show(httpx.Response(502, content=b"<html>", headers={"content-type": "text/html"}), "")
    assert capsysbinary.readouterr().err.decode() == "502 Bad Gateway\n"
