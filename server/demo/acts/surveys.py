"""Answers to the other questionnaires: the yearly census and the quarterly monitor, from a firm's size and luck; the call-back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from server.demo.cast import Firm, Player
from server.settings import settings

VETOES = ("veto_accident", "veto_dishonest", "veto_abnormal", "veto_fraud", "veto_tax")
QUARTER_DAYS = 80
"""So many days after its end a quarter is still the one that is asked for."""


def census_answers(chance: Random, firm: Firm, day: date, problems: list[dict[str, Any]]) -> dict[str, Any]:
    """Revenue of about half a million yuan a head; what depends on it keeps to the form's rules."""
    revenue = round(firm.staff * chance.uniform(35, 90))
    before = round(revenue * chance.uniform(0.8, 1.15))
    assets = round(revenue * chance.uniform(0.9, 1.6))
    tier = chance.choice(("innovative", "srdi", "srdi"))
    return {
        "enterprise": str(firm.id),
        "credit_code": firm.credit_code,
        "enterprise_name": firm.name,
        "registered_on": f"{chance.randrange(2003, 2021)}-0{chance.randrange(1, 10)}-15",
        "region": "360102",
        "industry": firm.industry,
        "enterprise_type": "private",
        "contact": {"contact_name": firm.contact, "contact_phone": f"1990000{chance.randrange(10**4):04}"},
        "honours": [chance.choice(("hightech", "innovative"))],
        "base_confirmed": "no",
        "niche_market": {
            "niche": f"{firm.trade}细分市场",
            "niche_since": f"{chance.randrange(2012, 2023)}-05-01",
            "main_product": f"{firm.trade}成套产品",
            "product_field": "six_bases",
            "share_cn": chance.randrange(1, 20),
        },
        "accounts": {
            "rev_y1": revenue,
            "rev_y2": before,
            "main_rev_y1": round(revenue * 0.9),
            "main_rev_y2": round(before * 0.9),
            "profit_y1": round(revenue * chance.uniform(-0.02, 0.12)),
            "asset_y1": assets,
            "debt_y1": round(assets * chance.uniform(0.3, 0.8)),
            "rd_y1": round(revenue * chance.uniform(0.02, 0.08)),
            "rd_y2": round(before * chance.uniform(0.02, 0.08)),
            "staff": firm.staff,
            "rd_staff": firm.staff // 6,
            "equity_2y": 0,
            "equity_3y": 0,
        },
        "strength": {
            "ip": [_invention(firm, day.year - 2)],
            "digital_level": chance.choice(("l1", "l2")),
            "quality": ["iso9001", "brand"],
            "rd_org": chance.choice(("city", "province")),
            "award_none": "yes",
            "maker": "none",
            "dev_score": chance.randrange(40, 75),
        },
        "veto": dict.fromkeys(VETOES, "no"),
        "plan_tier": tier,
        "plan_year": day.year + chance.randrange(1, 3),
        "issues": problems,
    }


def _invention(firm: Firm, year: int) -> dict[str, str]:
    return {
        "ip_name": f"一种{firm.trade}装置",
        "ip_class": "c1",
        "ip_kind": "invention",
        "ip_granted_on": f"{year}-06-01",
        "ip_own": "yes",
        "ip_related": "yes",
        "ip_earning": "yes",
    }


def quarter_before(day: date) -> tuple[int, int]:
    """Year and quarter that ended last, as the form itself reckons."""
    asked = day - timedelta(days=QUARTER_DAYS)
    return asked.year, (asked.month + 2) // 3


def monitor_answers(chance: Random, firm: Firm, day: date, problems: list[dict[str, Any]]) -> dict[str, Any]:
    """A quarter's figures; every sixth firm has staff that differ from last quarter by more than 30 % and says why."""
    year, quarter = quarter_before(day)
    revenue = round(firm.staff * chance.uniform(9, 22))
    so_far = round(revenue * quarter * chance.uniform(0.95, 1.05)) if quarter > 1 else revenue
    so_far = max(so_far, revenue)
    last_year = round(so_far * chance.uniform(0.85, 1.12))
    wages = round(firm.staff * chance.uniform(1.6, 2.6))
    power = max(1, firm.staff // 8)
    answers: dict[str, Any] = {
        "enterprise": str(firm.id),
        "period_year": year,
        "quarter": str(quarter),
        "filler": firm.contact,
        "revenue": {"revenue_q": revenue, "revenue_ytd": so_far, "revenue_ly": last_year},
        "main_revenue": _share(0.9, revenue, so_far, last_year, "main_revenue"),
        "profit": _share(0.06, revenue, so_far, last_year, "profit"),
        "tax": _share(0.03, revenue, so_far, last_year, "tax"),
        "receivable": round(revenue * 0.5),
        "receivable_overdue": round(revenue * 0.08),
        "inventory": round(revenue * 0.2),
        "loan": round(revenue * 0.8),
        "loan_rate": round(chance.uniform(3.2, 5.8), 2),
        "staff": firm.staff,
        "wage": {"wage_q": wages, "wage_ytd": wages * quarter, "wage_ly": round(wages * quarter * 0.96)},
        "power": {"power_q": power, "power_ytd": power * quarter, "power_ly": power * quarter},
        "climate": {
            "q_order": chance.choice(("up", "flat", "down")),
            "q_price": chance.choice(("up", "flat")),
            "q_fund": chance.choice(("ample", "fair", "fair", "tight")),
            "q_labor": "fit",
            "q_capacity": chance.randrange(55, 98),
            "q_arrears": "none",
            "q_next": chance.choice(("good", "fair", "fair", "poor")),
            "q_confidence": chance.randrange(2, 6),
            "top3": chance.sample(("01", "03", "06", "07", "02"), chance.randrange(1, 4)),
        },
        "issues": problems,
    }
    if chance.random() < 0.17:
        answers |= {"last_staff": firm.staff * 2, "reason": "一个车间划转到新设子公司,人员随之转出。"}
        answers["_reasons"] = {"staff": "一个车间划转到新设子公司。"}
    return answers


def _share(share: float, quarter: int, so_far: int, last_year: int, name: str) -> dict[str, int]:
    return {
        f"{name}_q": round(quarter * share),
        f"{name}_ytd": round(so_far * share),
        f"{name}_ly": round(last_year * share),
    }


def callback_answers(
    chance: Random, issue: UUID, caller: Player, moment: datetime, blame: str, *, happy: bool
) -> dict[str, Any]:
    """What the officer hears on the telephone; an unhappy enterprise sends the issue back."""
    said: dict[str, Any] = {"contacted": "yes", "attitude": chance.choice((4, 5)), "speed": chance.choice((3, 4, 5))}
    if happy:
        said |= {"solved": chance.choice(("yes", "yes", "partly")), "satisfied": chance.choice(("yes", "mostly"))}
    else:
        said |= {"solved": "no", "satisfied": "no", "why_not": ["unsolved", "vague"], "why_not_text": blame}
        said |= {"subjective": "yes", "redo": "yes", "words": blame}
    return {
        "issue": str(issue),
        "caller": str(caller.id),
        "at": moment.astimezone(settings.timezone).isoformat(timespec="milliseconds"),
        "channel": "phone",
        "attempt": 1,
        "reached": "reached",
        "answers": said,
    }
