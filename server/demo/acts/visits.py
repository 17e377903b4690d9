"""What commissioners write down on a visit: answers to the visit record, plausible and all different. Pure but for chance."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from server.demo.cast import Firm, Player
from server.demo.seeds import Problem, words

URGENCIES = {"一般": "normal", "较急": "pressing", "紧急": "urgent"}
CHANNELS = ("on_site",) * 14 + ("phone",) * 3 + ("video",) + ("firm_came",) * 2
PURPOSES = (["routine"], ["routine", "policy"], ["policy"], ["research"], ["application"], ["verify_issue", "routine"])
STATES = ("normal",) * 8 + ("growing",) * 3 + ("shrinking",) * 2 + ("moving",)
TRENDS = ("up15", "up", "up", "flat", "flat", "down", "down15", "withheld")
POLICIES = (
    "rd_deduction", "hightech_tax", "small_tax", "tier_award", "retrofit_grant", "digital_grant", "loan_interest",
    "job_refund", "talent_allowance", "procurement", "ip_support",
)  # fmt: skip
INTENTIONS = ("innovative", "srdi", "hightech", "growing", "retrofit", "digital", "abroad", "none")
PROMISES = (
    "送惠企政策汇编并逐条讲解",
    "协助核对专精特新申报材料",
    "联系银行客户经理上门",
    "邀请参加下月供需对接会",
    "请数字化诊断服务商来厂",
    "把用工信息发到人力资源市场",
)
COMPANIONS = (("区农商银行客户经理", "区农商银行"), ("区税务局政策专员", "区税务局"), ("街道经济办同事", "街道办"))
REMARKS = ("", "", "", "企业负责人出差,由行政主管接待。", "企业希望多用电话联系。", "车间整洁,设备较新。")
OUTCOMES = {"on_site": (30, 80), "phone": (8, 25), "video": (20, 45), "firm_came": (15, 50)}
"""How many minutes a visit of each sort takes."""


class Raised:
    """A problem as one enterprise raises it: the figures stay the same from the first words to the last reply."""

    def __init__(self, problem: Problem, chance: Random) -> None:
        self.problem = problem
        self.figures = {
            "amount": chance.choice((30, 50, 80, 100, 120, 150, 200, 300, 400, 500)),
            "count": chance.choice((3, 5, 6, 8, 10, 12, 15, 20)),
        }
        self.title = problem.title.format(**self.figures)[:40]
        self.words = problem.words.format(**self.figures)
        self.reply = problem.reply.format(**self.figures)

    def row(self, chance: Random, day: date, *, solved: bool = False) -> dict[str, Any]:
        """A row of the repeat every form has for problems."""
        category = self.problem.category
        row: dict[str, Any] = {
            "title": self.title,
            "description": self.words,
            "category_group": category[:2],
            "category": category,
            "urgency": URGENCIES[self.problem.urgency],
            "publish_name_consent": chance.choice(("yes", "no", "no")),
        }
        if solved:
            row |= {"solved_on_site": "yes", "on_site_answer": self.reply}
        elif chance.random() < 0.4:
            row["wish_date"] = (day + timedelta(days=chance.randrange(14, 90))).isoformat()
        if "{amount}" in self.problem.title + self.problem.words and category[:2] != "05":
            row["amount"] = self.figures["amount"]
        if "{count}" in self.problem.words:
            row["people"] = self.figures["count"]
        return row


def visit_answers(
    chance: Random,
    firm: Firm,
    visitor: Player,
    day: date,
    problems: list[dict[str, Any]],
    *,
    last_staff: int | None,
    channel: str = "",
) -> dict[str, Any]:
    """One visit record, as a person would fill it in; every seventh has something unlikely and its reason."""
    channel = channel or chance.choice(CHANNELS)
    hour, minute = chance.randrange(9, 16), chance.choice((0, 10, 15, 30, 40))
    least, most = OUTCOMES[channel]
    ends = hour * 60 + minute + chance.randrange(least, most)
    answers: dict[str, Any] = {
        "in_registry": "yes",
        "enterprise": str(firm.id),
        "visit_date": day.isoformat(),
        "start_time": f"{hour:02}:{minute:02}:00.000+08:00",
        "end_time": f"{ends // 60:02}:{ends % 60:02}:00.000+08:00",
        "channel": channel,
        "purpose": chance.choice(PURPOSES),
        "visitors": _visitors(chance, visitor),
        "hosts": [
            {
                "host_name": firm.contact,
                "host_post": chance.choice(("总经理", "厂长", "财务总监")),
                "host_in_charge": "yes",
            }
        ],
        "situation": _situation(chance, firm, last_staff),
        "policy": _policy(chance),
        "issues": problems,
        "promises": _promises(chance, day),
        "closing": _closing(chance, day),
    }
    if chance.random() < 0.25:
        answers |= {"fin_need": "yes", "finance": _finance(chance)}
    else:
        answers["fin_need"] = "no"
    if not problems and chance.random() < 0.85:
        answers["no_issue_confirm"] = "yes"
    staff, before = answers["situation"]["staff_now"], last_staff
    if before and not 0.5 * before <= staff <= 1.5 * before:
        answers["_reasons"] = {"situation.staff_now": "订单季节性变化,已与企业人事核对花名册。"}
    return answers


def _visitors(chance: Random, visitor: Player) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"visitor": str(visitor.id)}]
    if chance.random() < 0.3:
        name, unit = chance.choice(COMPANIONS)
        rows.append({"visitor_name": name, "visitor_unit": unit})
    return rows


def _situation(chance: Random, firm: Firm, last_staff: int | None) -> dict[str, Any]:
    share = chance.choice((0.4, 1.7)) if last_staff and chance.random() < 0.15 else chance.uniform(0.9, 1.12)
    situation: dict[str, Any] = {
        "operate_state": chance.choice(STATES),
        "staff_now": max(3, round((last_staff or firm.staff) * share)),
        "revenue_trend": chance.choice(TRENDS),
        "order_trend": chance.choice(("up", "flat", "flat", "down")),
        "capacity": chance.choice(("over90", "70to90", "70to90", "50to70", "na")),
    }
    if last_staff:
        situation["last_staff"] = last_staff
    if news := chance.choice(words("news")):
        situation["new_things"] = news
    return situation


def _policy(chance: Random) -> dict[str, Any]:
    intention = chance.sample(INTENTIONS[:-1], chance.randrange(3)) or ["none"]
    policy: dict[str, Any] = {"policies_told": chance.sample(POLICIES, chance.randrange(1, 4)), "intention": intention}
    if chance.random() < 0.6:
        policy["policies_enjoyed"] = chance.sample(POLICIES[:6], chance.randrange(1, 3))
    return policy


def _finance(chance: Random) -> dict[str, Any]:
    return {
        "fin_amount": chance.choice((50, 100, 200, 300, 500, 800)),
        "fin_term": chance.choice(("m6", "m12", "y3")),
        "fin_use": [chance.choice(("working", "equipment", "rd"))],
        "fin_guarantee": chance.choice(("credit", "mortgage", "receivables", "undecided")),
        "fin_push_bank": chance.choice(("yes", "yes", "no")),
    }


def _promises(chance: Random, day: date) -> list[dict[str, Any]]:
    if chance.random() > 0.3:
        return []
    due = day + timedelta(days=chance.choice((7, 10, 14, 21, 30)))
    return [{"promise": chance.choice(PROMISES), "promise_due": due.isoformat()}]


def _closing(chance: Random, day: date) -> dict[str, Any]:
    closing: dict[str, Any] = {"rating": chance.choice(("none",) * 9 + ("watch",))}
    if closing["rating"] == "watch":
        closing["rating_reason"] = "回款变慢,建议下季度再了解。"
    if chance.random() < 0.2:
        closing["next_visit"] = (day + timedelta(days=chance.randrange(30, 95))).isoformat()
    if remark := chance.choice(REMARKS):
        closing["remark"] = remark
    return closing
