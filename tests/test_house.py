"""The rules of the house, read from the code: who may import whom, where things stand, how long they are."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARIES = ("forms", "sync")
ORDER = [
    "audit", "people", "sessions", "accounts", "devices", "feedback", "quarantine", "notices", "worktime", "files", "enterprises",
    "questionnaires", "records", "reports", "routing", "clocks", "issues", "similar", "callbacks", "open311", "orders",
    "reporters", "rates",
    "reminders", "tasks", "worklists", "visits", "symposia", "campaigns", "boards", "alarms",
    "exports", "openrosa", "keeping", "simulation", "demo",
]  # fmt: skip
"""A concept may import those before it, never those after it."""
SPEAKS_LITESTAR = {
    "handlers",
    "pages",
    "phones",
    "rxdb",
    "door",
    "compression",
    "origins",
    "auth",
    "app",
    "routes",
    "description",
}
READS_ENVIRONMENT = {"server/settings.py", "piccolo_conf.py", "forms/conversion.py", "forms/xlsform.py"}
"""The converter's parent starts its child with an empty environment; it reads nothing from it."""
SAYS_NOTHING = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "base",
    "services",
    "service",
    "manager",
    "managers",
    "misc",
}
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
FOLDER_FILES_MAX = 6
REASONS = ("longer than", "long because", "one file because", "stays whole because")
"""A longer file or function says why in its docstring, in one of these words."""
MUST_EXCEPTIONS = {"sessions.change_password": "everybody may change their own password, and must know the old one"}
"""Public actions with an actor that need no permission: function → why."""


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "__pycache__" not in path.parts]


PRODUCT = [*sources("forms", "sync", "server"), ROOT / "piccolo_conf.py"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> list[tuple[str, int]]:
    """Every module imported, dotted, with its line; `from a import b` counts as both `a` and `a.b`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, node.lineno))
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def test_the_libraries_know_nothing_of_the_product_or_each_other():
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for library in LIBRARIES
        for path in sources(library)
        for module, line in imports(path)
        if module.split(".")[0] in {"server", "piccolo_conf", *LIBRARIES} - {library}
    ]
    assert wrong == []


def test_forms_knows_no_database_no_http_and_no_clock():
    banned = {"piccolo", "asyncpg", "sqlite3", "aiosqlite", "litestar", "httpx", "uvicorn", "socket"}
    wrong = [
        f"{name_of(p)}:{line} {m}" for p in sources("forms") for m, line in imports(p) if m.split(".")[0] in banned
    ]
    wrong += [
        name_of(path)
        for path in sources("forms")
        if any(w in path.read_text() for w in ("datetime.now(", ".utcnow(", "time.time("))
    ]
    assert wrong == []


def test_sync_speaks_no_http():
    """The reference phone is a client and needs one; the library itself does not."""
    wrong = [
        f"{name_of(path)}:{line} {module}"
        for path in sources("sync")
        if path.parent.name != "phone"
        for module, line in imports(path)
        if module.split(".")[0] in {"litestar", "httpx", "uvicorn", "starlette"}
    ]
    assert wrong == []


def concept_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "server" and (ROOT / "server" / parts[1]).is_dir() else None


def test_concepts_import_only_those_before_them():
    wrong = []
    for path in sources("server"):
        own = concept_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        if own is None:
            continue
        assert own in ORDER, f"server/{own} has no place in the order of concepts"
        for module, line in imports(path):
            other = concept_of(module)
            if other is not None and other != own and ORDER.index(other) > ORDER.index(own):
                wrong.append(f"{name_of(path)}:{line} {own} imports {other}, which comes after it")
    assert wrong == []


def test_the_middle_of_the_product_knows_no_door():
    """Tables, actions and pure files import neither HTTP nor the console; nothing imports app.py."""
    wrong = []
    for path in PRODUCT:
        for module, line in imports(path):
            if module.split(".")[0] == "litestar" and path.stem not in SPEAKS_LITESTAR:
                wrong.append(f"{name_of(path)}:{line} imports {module}")
            if module.split(".")[0] == "apscheduler" and path.name != "schedule.py":
                wrong.append(f"{name_of(path)}:{line} imports {module}")
            if module == "server.app":
                wrong.append(f"{name_of(path)}:{line} imports the app")
    assert wrong == []


def test_only_the_settings_read_the_environment():
    wrong = [name_of(p) for p in PRODUCT if ("os.environ" in p.read_text() or "getenv" in p.read_text())]
    assert [name for name in wrong if name not in READS_ENVIRONMENT] == []


def test_the_product_has_one_clock():
    allowed = {"server/moment.py"}
    words = ("datetime.now(", "utcnow(", "date.today(", "time.time(")
    wrong = [
        name_of(p) for p in sources("server") if name_of(p) not in allowed and any(w in p.read_text() for w in words)
    ]
    assert wrong == []


def test_names_say_something():
    assert [name_of(path) for path in sources("forms", "sync", "server", "bench") if path.stem in SAYS_NOTHING] == []


def test_files_and_functions_are_short_or_say_why_not():
    wrong = []
    for path in [*PRODUCT, *sources("bench")]:
        text = path.read_text()
        tree = ast.parse(text)
        lines = text.count("\n")
        if lines > FILE_LINES_MAX and not has_reason(ast.get_docstring(tree)):
            wrong.append(f"{name_of(path)}: {lines} lines without a reason")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > FUNCTION_LINES_MAX and not has_reason(ast.get_docstring(node)):
                    wrong.append(f"{name_of(path)}:{node.lineno} {node.name}: {length} lines without a reason")
    assert wrong == []


def has_reason(docstring: str | None) -> bool:
    return docstring is not None and any(reason in " ".join(docstring.lower().split()) for reason in REASONS)


def test_a_folder_holds_one_concept():
    wrong = {}
    for folder in (path for path in (ROOT / "server").iterdir() if path.is_dir()):
        files = [path for path in folder.glob("*.py") if path.name not in ("__init__.py", "commands.py")]
        if len(files) > FOLDER_FILES_MAX:
            wrong[folder.name] = [path.name for path in files]
    assert wrong == {}


def test_handlers_build_no_queries_and_open_no_transactions():
    words = (".objects()", ".select(", ".raw(", "fetch(", "execute(", "transaction()")
    wrong = [
        f"{name_of(path)}: {word}"
        for path in sources("server")
        if path.stem in ("handlers", "pages", "auth")
        for word in words
        if word in path.read_text()
    ]
    assert wrong == []


def test_every_action_of_a_person_asks_for_its_permission():
    """Reading is limited by `visible_to` in the query; writing asks first."""
    wrong = []
    for path in sources("server"):
        if path.stem != "actions":
            continue
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.AsyncFunctionDef) or node.name.startswith("_") or not node.args.args:
                continue
            first = node.args.args[0]
            if first.arg != "actor" or f"{path.parent.name}.{node.name}" in MUST_EXCEPTIONS:
                continue
            writes = "transaction()" in ast.unparse(node)
            if writes and "actor.must(" not in ast.unparse(node) and "actor.units(" not in ast.unparse(node):
                wrong.append(f"{name_of(path)}:{node.lineno} {node.name}")
    assert wrong == []


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_nothing_is_left_for_later_in_the_code(word):
    assert [name_of(path) for path in PRODUCT if word in path.read_text()] == []


def test_bugs_are_not_swallowed():
    """`except Exception` stands only where a process or a retry loop must go on, and says why on its line."""
    wrong = []
    for path in PRODUCT:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if (
                "except Exception" in line or "except BaseException" in line or line.strip() == "except:"
            ) and "#" not in line:
                following = path.read_text().splitlines()[number : number + 8]
                if not any(step.strip().startswith("raise") for step in following):
                    wrong.append(f"{name_of(path)}:{number}")
    assert wrong == []


def test_no_two_migrations_have_one_id():
    """Of two with the same id only one runs."""
    ids = [
        re.findall(r'^ID = "(.+)"', path.read_text(), re.MULTILINE)
        for path in (ROOT / "migrations").glob("server_*.py")
    ]
    assert [id for id, count in Counter(found for one in ids for found in one).items() if count > 1] == []
