"""What a bureau may have otherwise in the machine of its issues: names, who, required fields, moves it does without. Laid over the
shipped tables, within bounds that keep what the product promises."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from server.issues.states import MOVES, OPEN, STATES, VERBS, Move, State, Verb, find_move, verbs_from
from server.people.roles import ROLES

Name = Annotated[str, Meta(max_length=40)]


class StateNames(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    zh: Name = ""
    en: Name = ""


class VerbRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is left out stays as it is shipped."""

    zh: Name = ""
    en: Name = ""
    permission: Annotated[str, Meta(max_length=64)] = ""
    where: Annotated[str, Meta(max_length=16)] = ""
    required: Annotated[list[Name], Meta(max_length=20)] = []
    """Fields of the verb that must be filled in, beside those that must anyway."""


class Off(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A move the bureau does without."""

    verb: Name
    state: Name
    """Where it starts."""
    outcome: Name = ""


class Overlay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    states: dict[str, StateNames] = {}
    verbs: dict[str, VerbRule] = {}
    off: Annotated[list[Off], Meta(max_length=500)] = []


class Complaint(Struct, frozen=True, kw_only=True):
    """Why an overlay cannot be had: where in it, and what is wrong."""

    at: str
    zh: str
    en: str


class Machine(Struct, frozen=True):
    """The tables in force in one bureau. Version 0 is the shipped one."""

    version: int
    overlay: Overlay

    def state(self, code: str) -> State:
        names = self.overlay.states.get(code, StateNames())
        state = STATES[code]
        return replace(state, zh=names.zh or state.zh, en=names.en or state.en)

    def verb(self, name: str) -> Verb:
        rule, verb = self.rule(name), VERBS[name]
        return replace(
            verb,
            zh=rule.zh or verb.zh,
            en=rule.en or verb.en,
            permission=rule.permission or verb.permission,
            where=rule.where or verb.where,
        )

    def rule(self, name: str) -> VerbRule:
        return self.overlay.verbs.get(name, VerbRule())

    def is_off(self, verb: str, state: str, outcome: str) -> bool:
        return Off(verb=verb, state=state, outcome=outcome) in self.overlay.off

    def find_move(self, verb: str, state: str, outcome: str = "", target: str = "") -> Move | None:
        return None if self.is_off(verb, state, outcome) else find_move(verb, state, outcome, target)

    def verbs_from(self, state: str) -> list[str]:
        return [
            verb
            for verb in verbs_from(state)
            if any(m.verb == verb and m.source == state and not self.is_off(verb, state, m.outcome) for m in MOVES)
        ]

    def moves(self) -> list[Move]:
        return [move for move in MOVES if not self.is_off(move.verb, move.source, move.outcome)]


@lru_cache(maxsize=256)
def machine_from(version: int, body: str) -> Machine:
    return Machine(version, msgspec.json.decode(body, type=Overlay))


SHIPPED = Machine(0, Overlay())

ALWAYS = (
    "open", "submit", "dispatch", "sign", "reply", "review", "call_back", "close", "withdraw", "note", "unmerge",
    "link_report", "confirm_link", "reject_link", "unlink_report",
)  # fmt: skip
"""The main path, the enterprise's right to withdraw and to say no, and the undoing of joins: no bureau does without."""
DECIDED = {"request_return": "decide_return", "request_extension": "decide_extension", "exclude": "include"}
"""Who may ask must be able to get an answer, with either outcome."""
OTHERS_DOOR = ("open", "submit", "call_back")
"""Their permission is asked for elsewhere, too."""
HANDLERS = frozenset({"issue.sign", "issue.reply", "issue.contact", "issue.request_return", "issue.request_extension"})
JUDGING = ("review", "close", "decide_return", "decide_extension", "reopen", "exclude", "include", "settle_escalation")
"""Nobody judges what they handle: these never go by a handler's permission, nor handling by a judge's."""
NARROWER = {"any": ("any", "units", "lead"), "units": ("units", "lead"), "lead": ("lead",), "part": ("part",)}
WITHOUT_LEAD = ("DRAFT", "SUBMITTED", "REFUSED", "ON_SITE_CLOSED", "TRANSFERRED_UP", "MERGED", "WITHDRAWN")
NOT_A_WAY = ("merge", "withdraw")
"""Leaving by these is no way out of a state: somebody else must act."""


def complaints(overlay: Overlay) -> list[Complaint]:
    """Everything that is wrong with it, so that it can be put right at once."""
    found = [*_names(overlay), *_verbs(overlay), *_off(overlay)]
    return found or list(_dead_ends(overlay))


def _names(overlay: Overlay) -> Iterator[Complaint]:
    names: dict[str, str] = {code: state.zh for code, state in STATES.items()}
    for code, given in overlay.states.items():
        if code not in STATES:
            yield Complaint(at=f"states.{code}", zh=f"没有状态 {code}", en=f"There is no state {code}")
        elif given.zh:
            names[code] = given.zh
    for code in overlay.states:
        if code in names and list(names.values()).count(names[code]) > 1:
            yield Complaint(
                at=f"states.{code}.zh", zh=f"两个状态同名:{names[code]}", en=f"Two states are called {names[code]}"
            )


def _verbs(overlay: Overlay) -> Iterator[Complaint]:
    for name, rule in overlay.verbs.items():
        at = f"verbs.{name}"
        verb = VERBS.get(name)
        if verb is None:
            yield Complaint(at=at, zh=f"没有动作 {name}", en=f"There is no verb {name}")
            continue
        yield from _permission(at, verb, rule)
        if rule.where and rule.where not in NARROWER[verb.where]:
            allowed = "、".join(NARROWER[verb.where])
            yield Complaint(
                at=f"{at}.where", zh=f"范围只能收窄,可选:{allowed}", en=f"It may only get narrower: {allowed}"
            )
        elif (
            rule.where != "" and rule.where != verb.where and any(find_move_from(name, state) for state in WITHOUT_LEAD)
        ):
            yield Complaint(
                at=f"{at}.where",
                zh="该动作也用于尚无主办单位的事项,不能限于单位",
                en="It is used where no unit leads yet, so it cannot be left to units",
            )
        known = {field.name: field for field in msgspec.structs.fields(verb.fields)}
        for field in rule.required:
            if field not in known or known[field].type is bool:
                fitting = "、".join(name for name, one in known.items() if one.type is not bool) or "-"
                yield Complaint(
                    at=f"{at}.required",
                    zh=f"没有可必填的字段 {field},可选:{fitting}",
                    en=f"{field} cannot be asked for; use {fitting}",
                )


def find_move_from(verb: str, state: str) -> bool:
    return any(move.verb == verb and move.source == state for move in MOVES)


def _permission(at: str, verb: Verb, rule: VerbRule) -> Iterator[Complaint]:
    wanted = rule.permission
    if not wanted or wanted == verb.permission:
        return
    known = sorted({one.permission for one in VERBS.values()})
    at = f"{at}.permission"
    if verb.name in OTHERS_DOOR:
        yield Complaint(at=at, zh="该动作的权限不能改", en="The permission of this verb cannot be changed")
    elif wanted not in known or not any(wanted in permissions for permissions in ROLES.values()):
        yield Complaint(
            at=at, zh=f"没有权限 {wanted},可选:{'、'.join(known)}", en=f"No permission {wanted}; use {', '.join(known)}"
        )
    elif (verb.name in JUDGING and wanted in HANDLERS) or (
        verb.permission in HANDLERS and wanted in {VERBS[name].permission for name in (*JUDGING, "call_back")}
    ):
        yield Complaint(
            at=at,
            zh="承办与审核、回访、销号须分人,不能用同一权限",
            en="Handling and judging must stay apart; they cannot share a permission",
        )


def _off(overlay: Overlay) -> Iterator[Complaint]:
    for place, off in enumerate(overlay.off):
        at = f"off[{place}]"
        if find_move(off.verb, off.state, off.outcome) is None:
            yield Complaint(at=at, zh="没有这个流转", en="There is no such move")
        elif off.verb in ALWAYS:
            yield Complaint(
                at=at, zh=f"“{VERBS[off.verb].zh}”不能停用", en=f"“{VERBS[off.verb].en}” cannot be done without"
            )
    for asking, deciding in DECIDED.items():
        asked = [m for m in MOVES if m.verb == asking and not _is_off(overlay, m)]
        for move in MOVES:
            if asked and move.verb == deciding and _is_off(overlay, move):
                yield Complaint(
                    at="off",
                    zh=f"可以“{VERBS[asking].zh}”就必须能“{VERBS[deciding].zh}”({STATES[move.source].zh})",
                    en=f"Where “{VERBS[asking].en}” is possible, so must be “{VERBS[deciding].en}” ({move.source})",
                )


def _is_off(overlay: Overlay, move: Move) -> bool:
    return Off(verb=move.verb, state=move.source, outcome=move.outcome) in overlay.off


def _dead_ends(overlay: Overlay) -> Iterator[Complaint]:
    """Every open state an issue can get into must have a way to 销号 that needs no merge and no withdrawal."""
    moves = [move for move in MOVES if not _is_off(overlay, move)]
    reached: set[str] = {""}
    while more := {move.target for move in moves if move.source in reached and move.verb != "unmerge"} - reached:
        reached |= more
    closing: set[str] = {"CLOSED"}
    ways = [move for move in moves if move.verb not in (*NOT_A_WAY, "unmerge")]
    while more := {move.source for move in ways if move.target in closing} - closing:
        closing |= more
    for code in OPEN:
        if code in reached and code not in closing:
            yield Complaint(
                at="off", zh=f"“{STATES[code].zh}”将没有出路", en=f"There would be no way out of “{STATES[code].en}”"
            )
