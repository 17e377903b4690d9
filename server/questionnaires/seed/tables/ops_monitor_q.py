"""Form D, 中小企业季度运行监测表: the same figures from the same enterprises every quarter.

Longer than 300 lines because it is a table, one question an entry.
"""

from __future__ import annotations

from typing import Any

from server.questionnaires.seed.pieces import REPORTS, URGENCY, YES_NO, enterprise, header, problems
from server.questionnaires.seed.words import (
    NOT_FUTURE,
    NOT_NEGATIVE,
    SECRET,
    Check,
    Choices,
    Questionnaire,
    Row,
    Rows,
    Said,
    ask,
    at_most,
    group,
    money,
    remember,
    repeat,
    together,
    work_out,
)

COLUMNS = (
    ("q", "本季", "this quarter"),
    ("ytd", "本年累计", "this year so far"),
    ("ly", "上年同期累计", "same time last year"),
)
SUSPECT = {
    "revenue_ytd": "(${quarter} = '1' and abs(${revenue_ytd} - ${revenue_q}) > 1) or "
    "(${previous_period} != '' and ${last_period} = ${previous_period} and ${last_revenue_ytd} != '' and "
    "abs(${revenue_ytd} - ${last_revenue_ytd} - ${revenue_q}) > 1)",
    "export_q": "${export_q} > ${revenue_q}",
    "export_ytd": "${export_ytd} > ${revenue_ytd}",
    "loan_rate": "${loan_rate} < 0 or ${loan_rate} > 24",
    "staff": "${last_staff} != '' and (${staff} < 0.7 * ${last_staff} or ${staff} > 1.3 * ${last_staff})",
    "wage_q": "${staff} > 0 and (${wage_q} div ${staff} < 0.3 or ${wage_q} div ${staff} > 10)",
    "power_ytd": "${revenue_ytd} > 1.2 * ${revenue_ly} and ${power_ytd} < 0.8 * ${power_ly}",
    "stock_end": "abs(${stock_begin} + ${made} - ${sold} - ${stock_end}) > 0.01",
}
"""Answer → when it wants a second look. Each stands twice: as `qf::verify`, and as a flag that makes `reason` required.
A figure that is missing makes every comparison with it false, so it is never suspect."""


def _verify(name: str, zh: str, en: str) -> Check:
    return Check(
        f"not({SUSPECT[name]})", f"{zh},请核实并在“变动原因”中说明。", f"{en}; check and give the reason below."
    )


def _flow(key: str, zh: str, en: str, **more: Row | dict[str, Any]) -> Rows:
    """One indicator in three columns. `more` are further columns of a question, by its ending (q, ytd, ly)."""
    grows = Check(
        f". >= 0 and (${{{key}_q}} = '' or . >= ${{{key}_q}})",
        "累计数不能为负数,也不能小于本季数。",
        "The year so far cannot be negative or less than the quarter.",
    )
    rows = []
    for ending, zh_column, en_column in COLUMNS:
        columns: dict[str, Any] = ({"check": grows} if ending == "ytd" else {}) | dict(more.get(ending, {}))
        rows.append(money(f"{key}_{ending}", f"{zh}({zh_column})", f"{en}, {en_column}", **columns))
    return group(key, zh, en, rows, appearance="field-list")


def _period() -> Rows:
    begins = "concat(${period_year}, '-', substr('01040710', (. - 1) * 2, . * 2), '-01')"
    ends = "concat(${period_year} + int(. div 4), '-', substr('04071001', (. - 1) * 2, . * 2), '-01')"
    return together(
        enterprise(required=True),
        work_out("enterprise_name", "pulldata('enterprises', 'label', 'name', ${enterprise})"),
        ask(
            "integer",
            "period_year",
            "报告期(年)",
            "Period: year",
            required=True,
            default="number(format-date(today() - 80, '%Y'))",
            check=Check(
                ". >= 2020 and . <= number(format-date(today(), '%Y'))",
                "报告期年份应在2020年至今年之间。",
                "The year must lie between 2020 and this year.",
            ),
        ),
        ask(
            "select_one quarter",
            "quarter",
            "报告期(季)",
            "Period: quarter",
            required=True,
            default="string(int((number(format-date(today() - 80, '%n')) + 2) div 3))",
            check=Check(f"date({begins}) <= today()", "该季度尚未开始。", "This quarter has not begun."),
            advise=Check(f"date({ends}) <= today()", "该季度尚未结束。", "This quarter has not ended yet."),
        ),
        work_out("period", "if(${quarter} != '', concat(${period_year}, 'Q', ${quarter}), '')"),
        work_out("previous_period", "if(${quarter} > 1, concat(${period_year}, 'Q', ${quarter} - 1), '')"),
        ask("text", "filler", "填报人", "Filled in by", required=True, pii="personal", prefill="last:filler"),
        ask("date", "filled_on", "填报日期", "Filled in on", required=True, default="today()", check=NOT_FUTURE),
        ask("text", "auditor", "审核人", "Checked by", pii="personal", prefill="last:auditor"),
        remember("last_period", "period"),
        remember("last_revenue_ytd", "revenue_ytd"),
        remember("last_profit_q", "profit_q"),
        remember("last_staff", "staff"),
    )


def _part_of_revenue(ending: str) -> Row | dict[str, Any]:
    quarter = "${main_revenue_q} = '' or . >= ${main_revenue_q}"
    grows = f"({quarter}) and " if ending == "ytd" else ""
    return {
        "check": Check(
            f". >= 0 and {grows}(${{revenue_{ending}}} = '' or . <= ${{revenue_{ending}}})",
            "主营业务收入应在0与营业收入之间,累计数不能小于本季数。",
            "Main revenue lies between zero and the revenue; the year so far is at least the quarter.",
        )
    }


def _figures() -> Rows:
    """Every indicator, in the order of the paper form. Longer than 60 lines: one question an entry."""
    flip = Check(
        "${last_profit_q} = '' or . * ${last_profit_q} >= 0",
        "利润与上季相比盈亏反转,请留意。",
        "Profit has turned its sign since last quarter.",
    )
    power: dict[str, Any] = {"unit": "万千瓦时"}
    signed: dict[str, Any] = {"below_zero": True, "check": None}
    not_the_sum = ("累计数与上季累计加本季数不符", "It is not last quarter's total plus this quarter")
    too_much = ("出口交货值大于营业收入", "Exports exceed the revenue")
    against_power = ("营收增20%以上而用电降20%以上", "Revenue is up and electricity down by over 20 %")
    return together(
        _flow(
            "revenue",
            "营业收入",
            "Revenue",
            q={"required": True},
            ly={"required": True},
            ytd={"required": True, "verify": _verify("revenue_ytd", *not_the_sum)},
        ),
        _flow(
            "main_revenue",
            "其中:主营业务收入",
            "Of which main-business revenue",
            **{ending: _part_of_revenue(ending) for ending, _, _ in COLUMNS},
        ),
        _flow(
            "export",
            "出口交货值",
            "Export delivery",
            q={"verify": _verify("export_q", *too_much)},
            ytd={"verify": _verify("export_ytd", *too_much)},
        ),
        _flow("profit", "利润总额", "Total profit", q=signed | {"advise": flip}, ytd=signed, ly=signed),
        _flow("tax", "应交税金", "Taxes"),
        money("receivable", "应收账款", "Receivables"),
        money(
            "receivable_overdue",
            "其中:逾期应收账款",
            "Of which overdue",
            check=at_most(
                "receivable",
                "逾期应收账款应不小于0且不大于应收账款。",
                "Overdue receivables lie between zero and the receivables.",
            ),
        ),
        money("inventory", "产成品存货", "Stock of finished goods"),
        money("loan", "银行贷款余额", "Bank loans"),
        ask(
            "decimal",
            "loan_rate",
            "贷款综合利率",
            "Average loan rate",
            unit="%",
            **SECRET,
            verify=_verify("loan_rate", "利率超出0–24%", "The rate lies outside 0–24 %"),
        ),
        _flow("rd", "研发费用", "R&D"),
        _flow("invest", "固定资产投资", "Fixed investment"),
        ask(
            "integer",
            "staff",
            "期末从业人员",
            "Staff at the end of the quarter",
            required=True,
            unit="人",
            check=NOT_NEGATIVE,
            verify=_verify("staff", "与上季相差超过30%", "It differs from last quarter by over 30 %"),
        ),
        _flow(
            "wage",
            "应付职工薪酬",
            "Wages",
            q={
                "verify": _verify(
                    "wage_q", "人均薪酬超出0.3–10万元/季", "Wages per head lie outside 3,000–100,000 yuan a quarter"
                )
            },
        ),
        _flow(
            "power",
            "用电量",
            "Electricity",
            q=power,
            ly=power,
            ytd=power | {"verify": _verify("power_ytd", *against_power)},
        ),
        _products(),
    )


def _products() -> Rows:
    amounts = (("stock_begin", "期初库存", "Stock at the start"), ("made", "产量", "Made"), ("sold", "销量", "Sold"))
    return repeat(
        "products",
        "主要产品产销存",
        "Main products: made, sold, in stock",
        ask(
            "text",
            "product_name",
            "产品名称",
            "Product",
            required=True,
            check=Check("position(..) <= 3", "最多填写3种产品。", "At most three products."),
        ),
        ask("text", "product_unit", "计量单位", "Unit of measure", required=True),
        [ask("decimal", name, zh, en, check=NOT_NEGATIVE, **SECRET) for name, zh, en in amounts],
        ask(
            "decimal",
            "stock_end",
            "期末库存",
            "Stock at the end",
            check=NOT_NEGATIVE,
            **SECRET,
            verify=_verify("stock_end", "期初+产量−销量不等于期末库存", "Start plus made less sold is not the end"),
        ),
        work_out("product_off", f"if({SUSPECT['stock_end']}, 1, 0)"),
    )


def _climate() -> Rows:
    return group(
        "climate",
        "景气判断",
        "How the firm sees it",
        ask("select_one order_trend", "q_order", "国内订单(与上季比)", "Home orders (against last quarter)"),
        ask("select_one order_trend", "q_xorder", "国外订单", "Foreign orders"),
        ask("select_one price_trend", "q_price", "主要原材料价格", "Price of main materials"),
        ask("select_one fund", "q_fund", "流动资金", "Working capital"),
        ask("select_one labor", "q_labor", "用工", "Labour"),
        ask(
            "integer",
            "q_labor_short",
            "缺工人数",
            "People missing",
            unit="人",
            required=True,
            relevant="${q_labor} = 'short'",
            check=Check(". > 0", "缺工人数应大于零。", "It must be above zero."),
        ),
        ask(
            "decimal",
            "q_capacity",
            "产能利用率",
            "Use of capacity",
            unit="%",
            check=Check(". >= 0 and . <= 120", "应在0到120之间。", "It must lie between 0 and 120."),
        ),
        ask("select_one arrears", "q_arrears", "被拖欠账款", "Arrears owed to the firm", **SECRET),
        ask(
            "text",
            "q_arrears_by",
            "主要拖欠方",
            "Who owes most",
            required=True,
            **SECRET,
            relevant="${q_arrears} != '' and ${q_arrears} != 'none'",
        ),
        ask("select_one outlook", "q_next", "下季经营预期", "Next quarter"),
        ask(
            "range", "q_confidence", "企业家信心", "Confidence", parameters="start=1 end=5 step=1", appearance="rating"
        ),
        ask(
            "select_multiple category_groups",
            "top3",
            "当前最突出的困难(限3项)",
            "Top three difficulties",
            check=Check("count-selected(.) <= 3", "最多选3项。", "Choose three at most."),
        ),
    )


def _reason() -> Rows:
    flags = {f"off_{name}": bad for name, bad in SUSPECT.items() if name != "stock_end"}
    return together(
        [work_out(name, f"if({bad}, 1, 0)") for name, bad in flags.items()],
        work_out("off_total", " + ".join(f"${{{name}}}" for name in flags) + " + sum(${product_off})"),
        ask(
            "text",
            "reason",
            "主要指标变动原因",
            "Reason for changes",
            required="${off_total} > 0",
            appearance="multiline",
            hint=Said("有核实性提示时必填", "Needed when a figure wants a second look"),
        ),
    )


OPS_MONITOR_Q = Questionnaire(
    settings=header(
        "ops_monitor_q",
        Said("中小企业季度运行监测表", "Quarterly operations monitor"),
        "企访D表",
        "示例〔2026〕4号",
        Said(
            "本表用于监测企业季度运行情况,只公布三家以上汇总数。",
            "This form follows how firms do each quarter; only sums over three or more firms are published.",
        ),
        name_of_record="concat(${enterprise_name}, ' ', ${period})",
    ),
    survey=together(
        _period(),
        _figures(),
        _climate(),
        problems(
            "issues",
            work_out("issue_enterprise", "${enterprise}"),
            work_out("issue_enterprise_name", "${enterprise_name}"),
        ),
        _reason(),
    ),
    entities=[REPORTS],
    choices=(
        YES_NO,
        URGENCY,
        Choices("quarter", tuple((str(n), f"第{zh}季度", f"Q{n}") for n, zh in enumerate("一二三四", start=1))),
        Choices(
            "order_trend",
            (
                ("up", "增加", "More"),
                ("flat", "持平", "The same"),
                ("down", "减少", "Fewer"),
                ("na", "不适用", "Not applicable"),
            ),
        ),
        Choices("price_trend", (("up", "上涨", "Up"), ("flat", "持平", "The same"), ("down", "下降", "Down"))),
        Choices("fund", (("ample", "充裕", "Ample"), ("fair", "一般", "Fair"), ("tight", "紧张", "Tight"))),
        Choices("labor", (("short", "短缺", "Short"), ("fit", "合适", "Right"), ("surplus", "富余", "Too many"))),
        Choices(
            "arrears",
            (
                ("none", "无", "None"),
                ("under50", "50万元以下", "Under 500,000 yuan"),
                ("to200", "50–200万元", "0.5–2 million yuan"),
                ("over200", "200万元以上", "Over 2 million yuan"),
            ),
        ),
        Choices("outlook", (("good", "乐观", "Good"), ("fair", "一般", "Fair"), ("poor", "不乐观", "Poor"))),
    ),
)
