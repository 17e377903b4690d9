"""What exists is documented, and what the docs name exists."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def test_every_setting_is_in_operate():
    from server.settings import PREFIX, Settings

    page = text_of("docs/operate.md")
    missing = [
        f"{PREFIX}{name.upper()}" for name in Settings.__struct_fields__ if f"{PREFIX}{name.upper()}`" not in page
    ]
    assert missing == []


def test_the_reference_pages_are_what_the_code_says():
    """After `make docs` nothing changes."""
    from docs.reference import PAGES

    stale = [name for name, render in PAGES.items() if text_of(f"docs/{name}") != render()]
    assert stale == []


def test_every_command_explains_itself_with_an_example():
    from docs.reference import walk
    from server.cli import main

    silent = [
        path for path, command in walk(main, "qifang") if command.params and "qifang " not in (command.help or "")
    ]
    assert silent == []


def test_every_dependency_has_its_reason():
    project = tomllib.loads(text_of("pyproject.toml"))
    names = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    page = text_of("docs/dependencies.md")
    plain = [re.split(r"[\[<>=; ]", name)[0] for name in names]
    assert [name for name in plain if f"`{name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_named_in_docs_exist(page):
    named = re.findall(r"`((?:[a-z_]+/)+[A-Za-z0-9_.-]+\.(?:py|md|toml|csv|xlsx|sql|css|js|html))`", page.read_text())
    links = [link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [link for link in links if not (page.parent / link).exists()]
    assert missing == []


NUMBERED = re.compile(r"(rule|scenario)s?((?:_\d+(?:_and(?=_\d))?)+)")


def numbered_tests() -> dict[tuple[str, int], set[str]]:
    """Tests by the rules and scenarios of the protocol their names speak of: `rule_4`, `scenarios_32_and_33`."""
    found: dict[tuple[str, int], set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"def (test_\w+)", path.read_text()):
            for word, numbers in NUMBERED.findall(name):
                for number in re.findall(r"\d+", numbers):
                    found.setdefault((word, int(number)), set()).add(name)
    return found


@pytest.mark.parametrize(("word", "count"), [("rule", 24), ("scenario", 44)])
def test_every_rule_and_scenario_of_the_protocol_has_a_test_and_reliability_names_it(word, count):
    tests = numbered_tests()
    page = text_of("docs/reliability.md")
    section = page[page.index(f"## The {word}s and their tests") :].split("\n## ")[0]
    named = {
        int(number): set(re.findall(r"`(test_\w+)`", line)) for number, line in re.findall(r"\n\| (\d+) (.*)", section)
    }
    wrong = [n for n in range(1, count + 1) if not named.get(n) or not named[n] <= tests.get((word, n), set())]
    assert wrong == []


def test_every_wish_has_a_line_and_the_tests_it_names_exist():
    """A wish without a test says in its line why not; a test without a line is not to be found."""
    page = text_of("docs/queue.md")
    rows = {int(number): line for number, line in re.findall(r"\n\| (\d+) \|(.*)", page)}
    named = {number: re.findall(r"`(test_wish_\w+)`", line) for number, line in rows.items()}
    tests = re.findall(r"def (test_wish_(\d+)_\w+)", text_of("tests/server/test_wishes.py"))
    assert sorted(rows) == list(range(1, 21))
    assert sorted((name, int(number)) for name, number in tests) == sorted(
        (name, number) for number, names in named.items() for name in names
    )
    assert [number for number, names in named.items() if not names and "not yet" not in rows[number]] == []
