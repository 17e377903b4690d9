"""`python -m bench NAME [--database sqlite|postgres]`: our figures beside a bare baseline of the same run.

NAME is one of the list below. Prints tables for people and, as its last line,
one JSON object with name, value, unit and ratio (ours ÷ baseline).
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

NAMES = {
    "push": "bench.push",
    "visit": "bench.visit",
    "pull": "bench.pull",
    "evaluate": "bench.evaluate",
    "clock": "bench.clock",
    "import": "bench.importing",
    "bootstrap": "bench.bootstrap",
    "fanout": "bench.fanout",
    "history": "bench.history",
    "poke": "bench.poke",
    "similar": "bench.similar",
    "queue": "bench.queue",
    "sweep": "bench.sweep",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    given = parser.parse_args()
    outcome: dict[str, Any] = importlib.import_module(NAMES[given.name]).run(given.database)
    console = Console(width=140)
    for title, columns, rows in outcome.get("tables", []):
        table = Table(*columns, title=f"{title} ({given.database})", title_justify="left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        console.print(table)
    sys.stdout.flush()
    print(json.dumps({key: outcome.get(key) for key in ("name", "value", "unit", "ratio")}))


if __name__ == "__main__":
    main()
