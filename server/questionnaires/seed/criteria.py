"""The self-assessment of the cultivation census: five sets of rules as hidden calculations with three values.

Sources: 《优质中小企业梯度培育管理暂行办法》工信部企业〔2022〕63号, annexes 1–3, and its revision in force since 1 April 2026, whose
official annexes were not at hand: those two sets are marked unverified in the labels. Every condition is worth `y`, `n` or
`u`; what was not asked or not answered is `u`, never zero. Amounts in 万元, ratios in percent.

One file because a condition is read beside the points and the figures it is made of.
"""

from __future__ import annotations

from typing import NamedTuple

from server.questionnaires.seed.words import Row, Rows, ask, together, work_out


class Condition(NamedTuple):
    key: str
    value: str
    """Expression worth y, n or u."""
    zh: str
    en: str
    """What is missing when the answer is no."""


class CriteriaSet(NamedTuple):
    code: str
    zh: str
    en: str
    conditions: tuple[Condition, ...]


class Indicator(NamedTuple):
    """One line of a table of points. `points` counts only when every input is known; else up to `most` points are open."""

    inputs: tuple[str, ...]
    points: str
    most: int


def known(*names: str) -> str:
    return " and ".join(f"${{{name}}} != ''" for name in names)


def tell(test: str, *inputs: str) -> str:
    return f"if({known(*inputs)}, if({test}, 'y', 'n'), 'u')"


def any_of(*values: str) -> str:
    """`y` if one is, `n` if all are, else `u`."""
    told = f"concat({', '.join(values)})"
    return f"if(contains({told}, 'y'), 'y', if(contains({told}, 'u'), 'u', 'n'))"


def all_of(*values: str) -> str:
    told = f"concat({', '.join(values)})"
    return f"if(contains({told}, 'n'), 'n', if(contains({told}, 'u'), 'u', 'y'))"


def bands(name: str, *edges: tuple[float, int], sign: str = ">=") -> str:
    """Points by bands, best first; an edge belongs to the better band (“以上”“以下”包括本数)."""
    text = "0"
    for edge, points in reversed(edges):
        text = f"if(${{{name}}} {sign} {edge}, {points}, {text})"
    return text


def ladder(name: str, points: dict[str, int]) -> str:
    text = "0"
    for option, worth in reversed(points.items()):
        text = f"if(${{{name}}} = '{option}', {worth}, {text})"
    return text


def score(code: str, indicators: dict[str, Indicator], always_open: int = 0) -> Rows:
    """Rows for each indicator, for the points that are sure (`_points`) and for those still open (`_open`)."""
    rows: Rows = []
    for key, (inputs, points, _) in indicators.items():
        rows.append(work_out(f"{code}_p_{key}", f"if({known(*inputs)}, {points}, '')"))
    sure = " + ".join(f"coalesce(${{{code}_p_{key}}}, 0)" for key in indicators)
    still = " + ".join(f"if(${{{code}_p_{key}}} = '', {each.most}, 0)" for key, each in indicators.items())
    return [
        *rows,
        work_out(f"{code}_points", sure),
        work_out(f"{code}_open", f"{still} + {always_open}"),
    ]


def reaches(code: str, least: int) -> str:
    return f"if(${{{code}_points}} >= {least}, 'y', if(${{{code}_points}} + ${{{code}_open}} < {least}, 'n', 'u'))"


VETO_ITEMS = ("veto_accident", "veto_dishonest", "veto_abnormal", "veto_fraud", "veto_tax")
IP = ("ip_known",)


def _ratio(name: str, part: str, whole: str) -> Row:
    return work_out(
        name, f"if(${{{part}}} != '' and ${{{whole}}} > 0, round(100 * ${{{part}}} div ${{{whole}}}, 4), '')"
    )


def figures() -> Rows:
    """Ratios and counts that the conditions are made of; empty when an input is."""
    veto = ", ' ', ".join(f"${{{name}}}" for name in VETO_ITEMS)
    growth = "round(100 * (${main_rev_y1} - ${main_rev_y2}) div ${main_rev_y2}, 4)"
    return together(
        _ratio("main_ratio", "main_rev_y1", "rev_y1"),
        work_out("main_growth", f"if(${{main_rev_y1}} != '' and ${{main_rev_y2}} > 0, {growth}, '')"),
        _ratio("profit_ratio", "profit_y1", "rev_y1"),
        _ratio("debt_ratio", "debt_y1", "asset_y1"),
        _ratio("rd_ratio_y1", "rd_y1", "rev_y1"),
        _ratio("rd_ratio_y2", "rd_y2", "rev_y2"),
        _ratio("rd_staff_ratio", "rd_staff", "staff"),
        work_out("ip_known", "if(count(${ip}) > 0 or ${ip_none} = 'yes', 1, '')"),
        work_out("ip1", "sum(${ip_is_1})"),
        work_out("ip1_own", "sum(${ip_is_1_own})"),
        work_out("ip1_high", "sum(${ip_is_1_high})"),
        work_out("ip2", "sum(${ip_is_2})"),
        work_out("award_known", "if(count(${award}) > 0 or ${award_none} = 'yes', 1, '')"),
        work_out("award_major", "sum(${award_is_major})"),
        work_out("award_srdi", "sum(${award_is_srdi})"),
        work_out("award_giant", "sum(${award_is_giant})"),
        work_out(
            "veto_clear",
            f"if(selected(concat({veto}), 'yes'), 'n', if({known(*VETO_ITEMS)}, 'y', 'u'))",
        ),
    )


INNOVATIVE_POINTS = {
    "ip": Indicator(
        IP, "if(${ip1_high} > 0, 20, if(${ip1_own} > 0, 15, if(${ip1} > 0, 10, if(${ip2} > 0, 5, 0))))", 20
    ),
    "rd": Indicator(("rd_ratio_y1",), bands("rd_ratio_y1", (5, 20), (3, 15), (2, 10), (1, 5)), 20),
    "growth": Indicator(("main_growth",), bands("main_growth", (15, 20), (10, 15), (5, 10), (0, 5)), 20),
    "debt": Indicator(("debt_ratio",), bands("debt_ratio", (55, 10), (75, 5), sign="<="), 10),
    "field": Indicator(("product_field",), "if(${product_field} = 'emerging', 10, 5)", 10),
    "main": Indicator(("main_ratio",), bands("main_ratio", (70, 20), (60, 15), (55, 10), (50, 5)), 20),
}
"""2022 annex 1."""
SRDI_POINTS = {
    "main": Indicator(("main_ratio",), bands("main_ratio", (80, 5), (70, 3), (60, 1)), 5),
    "growth": Indicator(("main_growth",), bands("main_growth", (10, 10), (8, 8), (6, 6), (4, 4), (0, 2)), 10),
    "years": Indicator(("niche_years",), "min(5, int(${niche_years} div 2))", 5),
    "field": Indicator(
        ("product_field",),
        ladder("product_field", {"gap_filling": 5, "six_bases": 3, "old_brand": 3, "chain_leader": 3}),
        5,
    ),
    "digital": Indicator(("digital_known",), ladder("digital_level", {"l4": 5, "l3": 5, "l2": 3}), 5),
    "quality": Indicator(
        ("quality",), "if(selected(${quality}, 'none'), 0, min(5, 3 * count-selected(${quality})))", 5
    ),
    "profit": Indicator(("profit_ratio",), bands("profit_ratio", (10, 10), (8, 8), (6, 6), (4, 4), (2, 2)), 10),
    "debt": Indicator(("debt_ratio",), bands("debt_ratio", (50, 5), (60, 3), (70, 1), sign="<="), 5),
    "ip": Indicator(IP, "if(${ip1_high} > 0, 10, if(${ip1_own} > 0, 8, if(${ip1} > 0, 6, if(${ip2} > 0, 2, 0))))", 10),
    "rd": Indicator(
        ("rd_y1", "rd_ratio_y1"),
        f"max({bands('rd_y1', (500, 10), (400, 8), (300, 6), (200, 4), (100, 2))}, "
        f"{bands('rd_ratio_y1', (10, 10), (8, 8), (6, 6), (4, 4), (3, 2))})",
        10,
    ),
    "rd_staff": Indicator(("rd_staff_ratio",), bands("rd_staff_ratio", (20, 5), (10, 3), (5, 1)), 5),
    "rd_org": Indicator(("rd_org",), ladder("rd_org", {"national": 10, "province": 8, "city": 4, "below": 2}), 10),
}
"""2022 annex 2 without the 15 points each province sets for itself."""

_VETO = Condition("veto", "${veto_clear}", "存在一票否决情形", "a veto applies")
_MAIN_INNOVATIVE = (
    "if(coalesce(${innov22_p_ip}, 0) + coalesce(${innov22_p_rd}, 0) >= 20 and "
    "coalesce(${innov22_p_growth}, 0) + coalesce(${innov22_p_debt}, 0) >= 15 and "
    "coalesce(${innov22_p_field}, 0) + coalesce(${innov22_p_main}, 0) >= 15, 'y', "
    "if(${innov22_open} = 0, 'n', 'u'))"
)
RATIOS = ("rd_ratio_y1", "rd_ratio_y2")
_YOUNG_GIANT = all_of(
    tell("${equity_2y} >= 8000", "equity_2y"),
    "if(${rd_y1} >= 3000, 'y', "
    + tell("${rd_y1} + ${rd_y2} < 3000", "rd_y1", "rd_y2").replace("'y', 'n'", "'n', 'u'")
    + ")",
    tell("${rd_staff_ratio} >= 50", "rd_staff_ratio"),
)
_KEY_FIELDS = "selected('emerging six_bases gap_filling chain_leader', ${product_field})"
_GIANT_RD = (
    f"if({known('rev_y1')}, if(${{rev_y1}} >= 10000, {tell('${rd_ratio_y1} >= 3 and ${rd_ratio_y2} >= 3', *RATIOS)}, "
    f"if(${{rev_y1}} >= 5000, {tell('${rd_ratio_y1} >= 6 and ${rd_ratio_y2} >= 6', *RATIOS)}, {_YOUNG_GIANT})), 'u')"
)
"""Two years of R&D by the size of the revenue; below 50 million yuan, equity, R&D and R&D staff together."""
_GIANT_INNOVATION = any_of(
    tell("${award_giant} > 0", "award_known"),
    tell("${maker} = 'top50'", "maker"),
    all_of(_GIANT_RD, tell("${rd_org} != 'none'", "rd_org"), tell("${ip1} >= 2", *IP)),
)

CRITERIA = (
    CriteriaSet(
        "innov22",
        "创新型中小企业(2022年规则)",
        "Innovative SME (rules of 2022)",
        (
            Condition(
                "enough",
                any_of(
                    all_of(reaches("innov22", 60), _MAIN_INNOVATIVE),
                    tell("${award_major} > 0", "award_known"),
                    tell("selected(${honours}, 'hightech')", "honours"),
                    tell("${rd_org} = 'national' or ${rd_org} = 'province'", "rd_org"),
                    tell("${equity_3y} >= 500", "equity_3y"),
                ),
                "评价得分不足60分(创新能力20、成长性15、专业化15),且无直通条件",
                "fewer than 60 points (20 innovation, 15 growth, 15 focus) and no direct route",
            ),
            _VETO,
        ),
    ),
    CriteriaSet(
        "srdi22",
        "专精特新中小企业(2022年规则)",
        "SRDI SME (rules of 2022)",
        (
            Condition(
                "years",
                tell("${niche_years} >= 2", "niche_years"),
                "从事细分市场不满2年",
                "less than 2 years in the niche",
            ),
            Condition(
                "rd",
                tell("${rd_y1} >= 100 and ${rd_ratio_y1} >= 3", "rd_y1", "rd_ratio_y1"),
                "研发费用不足100万元或占比不足3%",
                "R&D under 1 million yuan or under 3 %",
            ),
            Condition(
                "revenue",
                any_of(tell("${rev_y1} >= 1000", "rev_y1"), tell("${equity_2y} >= 2000", "equity_2y")),
                "营业收入不足1000万元且股权融资不足2000万元",
                "revenue under 10 million and equity under 20 million yuan",
            ),
            Condition(
                "score",
                any_of(
                    reaches("srdi22", 60),
                    tell("${award_srdi} > 0", "award_known"),
                    tell("${rd_y1} + ${rd_y2} >= 2000", "rd_y1", "rd_y2"),
                    tell("${equity_2y} >= 6000", "equity_2y"),
                    tell("${maker} != 'none'", "maker"),
                ),
                "评价得分不足60分且无直通条件",
                "fewer than 60 points and no direct route",
            ),
            _VETO,
        ),
    ),
    CriteriaSet(
        "giant22",
        "专精特新“小巨人”(2022年规则,部分条件须人工判断)",
        "Little giant (rules of 2022; some conditions need a person)",
        (
            Condition(
                "years",
                tell("${niche_years} >= 3", "niche_years"),
                "从事细分市场不满3年",
                "less than 3 years in the niche",
            ),
            Condition(
                "main", tell("${main_ratio} >= 70", "main_ratio"), "主营业务收入占比不足70%", "main business under 70 %"
            ),
            Condition("growth", tell("${main_growth} >= 5", "main_growth"), "主营收入增长率不足5%", "growth under 5 %"),
            Condition("debt", tell("${debt_ratio} <= 70", "debt_ratio"), "资产负债率高于70%", "debt ratio above 70 %"),
            Condition("systems", "'u'", "", ""),
            Condition(
                "certified",
                tell("selected(${quality}, 'iso9001')", "quality"),
                "无管理体系认证",
                "no certified quality system",
            ),
            Condition("brand", tell("selected(${quality}, 'brand')", "quality"), "无自主品牌", "no brand of its own"),
            Condition(
                "share", tell("${share_cn} >= 10", "share_cn"), "国内市场占有率不足10%", "share of the niche under 10 %"
            ),
            Condition(
                "innovation", _GIANT_INNOVATION, "创新能力条件不满足", "the conditions on innovation are not met"
            ),
            Condition("chain", f"if({_KEY_FIELDS}, 'y', 'u')", "", ""),
            _VETO,
        ),
    ),
    CriteriaSet(
        "srdi26",
        "专精特新中小企业(2026年规则,待核对)",
        "SRDI SME (rules of 2026, unverified)",
        (
            Condition(
                "tier",
                tell("selected(${honours}, 'tech') or selected(${honours}, 'innovative')", "honours"),
                "尚未取得科技和创新型中小企业资格",
                "not yet a technology or innovative SME",
            ),
            Condition(
                "years",
                tell("${niche_years} >= 3", "niche_years"),
                "从事细分市场不满3年",
                "less than 3 years in the niche",
            ),
            Condition(
                "revenue",
                any_of(tell("${rev_y1} >= 1500", "rev_y1"), tell("${equity_2y} >= 2000", "equity_2y")),
                "营业收入不足1500万元且股权投资不足2000万元",
                "revenue under 15 million and equity under 20 million yuan",
            ),
            Condition(
                "main", tell("${main_ratio} >= 80", "main_ratio"), "主营业务收入占比不足80%", "main business under 80 %"
            ),
            Condition("debt", tell("${debt_ratio} <= 80", "debt_ratio"), "资产负债率高于80%", "debt ratio above 80 %"),
            Condition(
                "rd",
                tell(
                    "${rd_y1} >= 100 and ${rd_y2} >= 100 and ${rd_ratio_y1} >= 3 and ${rd_ratio_y2} >= 3",
                    "rd_y1",
                    "rd_y2",
                    "rd_ratio_y1",
                    "rd_ratio_y2",
                ),
                "近两年有一年研发费用不足100万元或占比不足3%",
                "R&D under 1 million yuan or 3 % in one of two years",
            ),
            Condition("ip", tell("${ip1_own} >= 1", *IP), "没有自主研发的Ⅰ类知识产权", "no class-I IP of its own"),
            Condition(
                "score", tell("${dev_score} >= 50", "dev_score"), "发展评价得分不足50分", "development score under 50"
            ),
            _VETO,
        ),
    ),
    CriteriaSet(
        "giant26",
        "专精特新“小巨人”(2026年规则,待核对)",
        "Little giant (rules of 2026, unverified)",
        (
            Condition(
                "tier",
                tell("selected(${honours}, 'srdi')", "honours"),
                "尚未取得专精特新中小企业称号",
                "not yet an SRDI SME",
            ),
            Condition(
                "years",
                tell("${niche_years} >= 3", "niche_years"),
                "从事细分市场不满3年",
                "less than 3 years in the niche",
            ),
            Condition(
                "revenue", tell("${rev_y1} >= 5000", "rev_y1"), "营业收入不足5000万元", "revenue under 50 million yuan"
            ),
            Condition(
                "main", tell("${main_ratio} >= 90", "main_ratio"), "主营业务收入占比不足90%", "main business under 90 %"
            ),
            Condition("debt", tell("${debt_ratio} <= 75", "debt_ratio"), "资产负债率高于75%", "debt ratio above 75 %"),
            Condition(
                "rd",
                tell(
                    "${rd_y1} + ${rd_y2} >= 1200 and ${rd_ratio_y1} >= 3 and ${rd_ratio_y2} >= 3",
                    "rd_y1",
                    "rd_y2",
                    "rd_ratio_y1",
                    "rd_ratio_y2",
                ),
                "近两年研发费用合计不足1200万元或某年占比不足3%",
                "R&D under 12 million yuan in two years, or under 3 %",
            ),
            Condition(
                "ip",
                any_of(tell("${ip1} >= 4", *IP), tell("${award_giant} > 0", "award_known")),
                "Ⅰ类知识产权不足4项",
                "fewer than 4 class-I IP",
            ),
            Condition(
                "share",
                any_of(
                    tell("${share_cn} >= 10", "share_cn"),
                    tell("${share_world} >= 10", "share_world"),
                    tell("${rank_cn} <= 3", "rank_cn"),
                ),
                "细分市场占有率不足10%且排名不在前三",
                "market share under 10 % and not among the first three",
            ),
            Condition(
                "score", tell("${dev_score} >= 60", "dev_score"), "发展评价得分不足60分", "development score under 60"
            ),
            _VETO,
        ),
    ),
)
"""Where a condition is worth `u` whatever is answered, this form does not ask for it: such a set can fail, never pass."""


def _said(code: str, conditions: tuple[Condition, ...], language: str) -> str:
    """The result as a sentence, with what is missing and what is not known."""
    words = {
        "zh": ("可量化条件均已满足", "不满足", "信息不足,暂无法判断", ";"),
        "en": ("all measurable conditions met", "not met", "not enough known", "; "),
    }[language]
    gaps = ", ".join(
        f"if(${{{code}_{each.key}}} = 'n', '{words[3]}{each.zh if language == 'zh' else each.en}', '')"
        for each in conditions
    )
    verdict = f"if({{r}} = 'pass', '{words[0]}', if({{r}} = 'fail', '{words[1]}', '{words[2]}'))"
    return f"concat({verdict.format(r=f'${{result_{code}}}')}, {gaps})"


def results() -> Rows:
    """For each set: its conditions, the result, the codes of the gaps, and a note for the person."""
    rows: Rows = together(figures(), score("innov22", INNOVATIVE_POINTS), score("srdi22", SRDI_POINTS, always_open=15))
    for code, zh, en, conditions in CRITERIA:
        rows += [work_out(f"{code}_{each.key}", each.value) for each in conditions]
        told = all_of(*(f"${{{code}_{each.key}}}" for each in conditions))
        gaps = ", ".join(f"if(${{{code}_{each.key}}} = 'n', '{each.key} ', '')" for each in conditions)
        rows += [
            work_out(f"{code}_told", told),
            work_out(
                f"result_{code}", f"if(${{{code}_told}} = 'y', 'pass', if(${{{code}_told}} = 'n', 'fail', 'unknown'))"
            ),
            work_out(f"gaps_{code}", f"normalize-space(concat({gaps}, ''))"),
            work_out(f"{code}_zh", _said(code, conditions, "zh")),
            work_out(f"{code}_en", _said(code, conditions, "en")),
            ask("note", f"note_{code}", f"{zh}:${{{code}_zh}}", f"{en}: ${{{code}_en}}"),
        ]
    return rows
