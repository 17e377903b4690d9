"""What a list would do to the registry: added, changed field by field, unchanged, unmatched, invalid. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from msgspec import Struct

from server.enterprises.fields import Misfit
from server.enterprises.lists.columns import COMMISSIONER, TEMPORARY, Line


class Known(Struct):
    """A firm of the registry, its dossier as one level of text; `facts` as they are stored."""

    id: UUID
    credit_code: str
    temporary_id: str
    name: str
    values: dict[str, str]
    facts: str = "{}"


class FieldChange(Struct, frozen=True):
    field: str
    old: str
    new: str


class Added(Struct, frozen=True):
    line: int
    credit_code: str
    name: str


class Changed(Struct, frozen=True):
    line: int
    id: UUID
    credit_code: str
    name: str
    fields: list[FieldChange]


class Unmatched(Struct, frozen=True):
    """In the registry, not in the list. Nothing happens to it."""

    id: UUID
    credit_code: str
    name: str


class Invalid(Struct, frozen=True):
    """One thing wrong with one line; a line may have several. Nothing of such a line is imported."""

    line: int
    credit_code: str
    name: str
    field: str
    value: str
    zh: str
    en: str


class Difference(Struct):
    added: list[Line]
    changed: list[tuple[Line, Known, list[FieldChange]]]
    unchanged: list[tuple[Line, Known]]
    unmatched: list[Known]
    invalid: list[Invalid]


class Registry:
    """The bureau's firms by what a line may name them with."""

    def __init__(self, firms: Iterable[Known]) -> None:
        self.firms = list(firms)
        self.by_code = {firm.credit_code: firm for firm in self.firms if firm.credit_code}
        self.by_temporary = {firm.temporary_id: firm for firm in self.firms if firm.temporary_id}
        self.by_name: dict[str, list[Known]] = defaultdict(list)
        for firm in self.firms:
            self.by_name[firm.name].append(firm)

    def match(self, line: Line) -> Known | Misfit | None:
        """The firm a line speaks of; None for a new one; a Misfit when it cannot be told."""
        code, temporary = line.values.get("credit_code", ""), line.values.get(TEMPORARY, "")
        name = line.values.get("name", "")
        if temporary:
            firm = self.by_temporary.get(temporary)
            if firm is None:
                return Misfit(TEMPORARY, temporary, "没有这个临时编号", "there is no such temporary id")
            if code and firm is not self.by_code.get(code, firm):
                return Misfit(
                    "credit_code",
                    code,
                    "该代码已属于另一家企业,请先合并",
                    "this code belongs to another firm; merge them",
                )
            return firm
        if code and code in self.by_code:
            return self.by_code[code]
        of_name = [firm for firm in self.by_name.get(name, []) if not (code and firm.credit_code)]
        if len(of_name) > 1:
            return Misfit(
                "name",
                name,
                "登记簿里有多家同名企业,请填信用代码",
                "several firms have this name; give the credit code",
            )
        return of_name[0] if of_name else None


def compare(lines: Iterable[Line], registry: Registry, persons: Mapping[str, UUID | None]) -> Difference:
    """`persons` says whom a word of the commissioner column means; None for nobody or more than one."""
    found = Difference([], [], [], [], [])
    seen = Seen()
    for line in lines:
        misfits = list(line.misfits)
        firm = None
        if not any(misfit.field in ("credit_code", TEMPORARY) for misfit in misfits):
            matched = registry.match(line)
            if isinstance(matched, Misfit):
                misfits.append(matched)
            else:
                firm = matched
                misfits += _further_misfits(line, firm, persons)
        if twice := seen.note(line, firm):
            misfits.append(twice)
        if misfits:
            found.invalid += [_invalid(line, misfit) for misfit in misfits]
        elif firm is None:
            found.added.append(line)
        elif changes := changes_of(line, firm):
            found.changed.append((line, firm, changes))
        else:
            found.unchanged.append((line, firm))
    found.unmatched = [firm for firm in registry.firms if firm.id not in seen.firms]
    return found


def _further_misfits(line: Line, firm: Known | None, persons: Mapping[str, UUID | None]) -> list[Misfit]:
    misfits = []
    if firm is None and "name" not in line.values and not line.misfits:
        misfits.append(Misfit("name", "", "新企业没有名称", "a new firm has no name"))
    word = line.values.get(COMMISSIONER)
    if word and persons.get(word) is None:
        misfits.append(
            Misfit(
                COMMISSIONER, word[:40], "没有这个账号,或姓名不止一人", "no such login, or several persons of this name"
            )
        )
    return misfits


class Seen:
    """Which firms earlier lines spoke of. The first line of a firm stands; later ones are told the number of the first."""

    def __init__(self) -> None:
        self.firms: dict[UUID, int] = {}
        self.codes: dict[str, int] = {}
        self.names: dict[str, tuple[int, bool]] = {}
        """The line a new firm's name stood on first, and whether a code stood beside it."""

    def note(self, line: Line, firm: Known | None) -> Misfit | None:
        code, name = line.values.get("credit_code", ""), line.values.get("name", "")
        before = self.codes.get(code) if code else None
        if firm is not None:
            before = before or self.firms.get(firm.id)
            self.firms.setdefault(firm.id, line.number)
        elif name:
            known, had_code = self.names.setdefault(name, (line.number, bool(code)))
            if known != line.number and not (code and had_code):
                before = before or known
        if code:
            self.codes.setdefault(code, line.number)
        if before is None:
            return None
        field, value = ("credit_code", code) if code else ("name", name)
        return Misfit(field, value, f"与第 {before} 行重复", f"the same firm as on line {before}")


def _invalid(line: Line, misfit: Misfit) -> Invalid:
    return Invalid(
        line.number,
        line.values.get("credit_code", ""),
        line.values.get("name", ""),
        misfit.field,
        misfit.value,
        misfit.zh,
        misfit.en,
    )


def changes_of(line: Line, firm: Known) -> list[FieldChange]:
    """Only what the list says and the registry has otherwise; an empty cell changes nothing."""
    return [
        FieldChange(field, firm.values.get(field, ""), value)
        for field, value in line.values.items()
        if field not in (COMMISSIONER, TEMPORARY) and firm.values.get(field, "") != value
    ]
