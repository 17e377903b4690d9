"""Lists people keep, and bulk jobs with what became of each issue."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table

PRIVATE, UNIT, ROLE, BUREAU = "private", "unit", "role", "bureau"
SHARED = (PRIVATE, UNIT, ROLE, BUREAU)
WAITING, DONE, SKIPPED, CANCELLED = "waiting", "done", "skipped", "cancelled"


class SavedList(Table, tablename="saved_list"):
    """Filters, columns and an order under a name. `shared_with` is the code of a unit (with all below it) or a role."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    owner = UUID()
    name = Text()
    filters = Text(default="{}")
    """The `Wanted` as JSON."""
    columns = Text(default="[]")
    sort = Text(default="due")
    shared = Text(default=PRIVATE)
    shared_with = Text(default="")
    place = Integer(default=0)
    updated_at = Timestamptz()


class BulkJob(Table, tablename="bulk_job"):
    """One verb on many issues, asked for by one person. `undoes` names the job whose work it takes back."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    person = UUID()
    verb = Text()
    fields = Text(default="{}")
    undoes = UUID(null=True, default=None)
    is_open = Boolean(default=True)
    """Something is still waiting."""
    is_cancelled = Boolean(default=False)
    created_at = Timestamptz()


class BulkItem(Table, tablename="bulk_item"):
    """One issue of a job, in its place. `n` is the line of the timeline it was picked at, `n_after` the one the job wrote."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    job = UUID()
    place = Integer()
    issue = UUID()
    n = Integer()
    state = Text(default=WAITING)
    code = Text(default="")
    zh = Text(default="")
    en = Text(default="")
    n_after = Integer(default=0)
    before = Text(default="{}")
    """What it was before, where undoing needs to know."""
