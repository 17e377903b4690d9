"""`python -m tests.simulation [--seed N] [--minutes M] [--database sqlite|postgres] [--processes N] [--json]`:
histories until the time is over, or until one breaks an invariant. Then it prints the seed and the shortest history that
does, and exits with 1."""

import argparse
import contextlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from tests.simulation.door import DOORS, House
from tests.simulation.machine import FOCUSES, Failure, fails, search
from tests.simulation.play import Tally

ROUND = 50
"""Histories drawn from one seed; then the database is swept and the next seed begins."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument(
        "--processes", type=int, help="doors that are processes of their own; PostgreSQL has 3 if not told"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--replay", type=Path, help="a file with one history: play it again instead")
    told = parser.parse_args()
    if told.processes is None:
        told.processes = DOORS if told.database == "postgres" else 0
    if told.processes and told.database == "sqlite":
        parser.error("on SQLite the server is one process: leave --processes out")
    logging.disable(logging.CRITICAL)  # handlers break on purpose
    house, tally, started = House(told.database), Tally(), time.monotonic()
    failure: Failure | None = None
    seed = told.seed
    doors = contextlib.ExitStack()
    try:
        if told.processes:
            doors.enter_context(house.with_processes(told.processes))
        if told.replay:
            failure = fails(house, json.loads(told.replay.read_text())["steps"], tally)
        else:
            while time.monotonic() - started < told.minutes * 60:
                search(house, tally, histories=ROUND, seed=seed, focus=["", *FOCUSES][seed % (len(FOCUSES) + 1)])
                house.sweep()
                seed += 1
    except Failure as found:
        failure = found
    finally:
        doors.close()
        house.close()
    report = figures(told, tally, time.monotonic() - started, seed, failure)
    print(json.dumps(report) if told.json else table(report), flush=True)
    return 1 if failure else 0


def figures(told: Any, tally: Tally, seconds: float, seed: int, failure: Failure | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "database": told.database,
        "processes": told.processes,
        "first_seed": told.seed,
        "last_seed": seed,
        "seconds": round(seconds),
        "histories": tally.histories,
        "steps": sum(tally.steps.values()),
        "operations": tally.operations,
        "requests": tally.requests,
        "agreements": tally.agreements,
        "faults": dict(tally.faults.most_common()),
        "actions": dict(tally.steps.most_common()),
        "results": dict(tally.results.most_common()),
    }
    if failure is not None:
        found["failure"] = {"seed": seed, "reason": failure.reason, "steps": failure.trace}
    return found


def table(report: dict[str, Any]) -> str:
    lines = [f"{name:>12}  {report[name]}" for name in report if not isinstance(report[name], dict)]
    for group in ("faults", "actions", "results"):
        lines += ["", f"{group}:", *(f"{count:>12,}  {name}" for name, count in report[group].items())]
    if failure := report.get("failure"):
        steps = ",\n".join(f"  {json.dumps(step)}" for step in failure["steps"])
        lines += ["", failure["reason"], f"seed {failure['seed']}; play it again with --replay FILE, the file being:"]
        lines += [f'{{"steps": [\n{steps}\n]}}']
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
