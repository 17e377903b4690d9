"""Form A, 企业走访记录表: what a commissioner writes down after a visit, a call or a firm's coming.

Longer than 300 lines because it is a table, one question an entry.
"""

from __future__ import annotations

from server.questionnaires.seed.pieces import (
    CAMPAIGN,
    OTHER_TOLD,
    REPORTS,
    URGENCY,
    YES_NO,
    credit_code,
    enterprise,
    header,
    only_alone,
    person,
    problems,
)
from server.questionnaires.seed.words import (
    SECRET,
    Check,
    Choices,
    Questionnaire,
    Rows,
    Said,
    ask,
    counted,
    group,
    money,
    remember,
    repeat,
    together,
    work_out,
)


def _who_and_when() -> Rows:
    """Which enterprise, when and why. Longer than 60 lines: one question an entry."""
    return together(
        ask(
            "select_one yes_no",
            "in_registry",
            "企业是否在名录中",
            "Is the enterprise in the registry?",
            required=True,
            default="yes",
        ),
        enterprise(required=True, relevant="${in_registry} = 'yes'"),
        group(
            "new_enterprise",
            "名录外企业",
            "Enterprise not in the registry",
            ask("text", "new_name", "企业名称", "Name of the enterprise", required=True),
            credit_code("new_credit_code", required=True),
            ask("text", "new_address", "地址", "Address"),
            relevant="${in_registry} = 'no'",
        ),
        work_out(
            "enterprise_name",
            "if(${in_registry} = 'no', ${new_name}, pulldata('enterprises', 'label', 'name', ${enterprise}))",
        ),
        ask(
            "date",
            "visit_date",
            "走访日期",
            "Visit date",
            required=True,
            default="today()",
            check=Check(". <= today()", "走访日期不能晚于今天。", "The visit date cannot lie in the future."),
            verify=Check(
                ". >= today() - 30",
                "走访日期早于30天前,请核实并说明。",
                "The visit was more than 30 days ago; check and give the reason.",
            ),
        ),
        ask("time", "start_time", "开始时间", "Start"),
        ask(
            "time",
            "end_time",
            "结束时间",
            "End",
            check=Check(
                "${start_time} = '' or decimal-time(.) > decimal-time(${start_time})",
                "结束时间应晚于开始时间。",
                "The end must be later than the start.",
            ),
        ),
        ask("select_one channel", "channel", "走访方式", "Channel", required=True),
        ask("select_multiple purpose", "purpose", "走访事由", "Purpose", required=True),
        ask(
            "text",
            "purpose_other",
            "其他事由",
            "Other purpose",
            hint=OTHER_TOLD,
            required=True,
            relevant="selected(${purpose}, 'other')",
        ),
        CAMPAIGN,
    )


def _people() -> Rows:
    return together(
        repeat(
            "visitors",
            "走访人员",
            "Visitors",
            person("visitor", "本单位人员", "Member of the bureau"),
            ask(
                "text",
                "visitor_name",
                "姓名",
                "Name",
                required="${visitor} = ''",
                pii="personal",
                hint=Said("不在名单中的同行人员", "Companions who are not in the list"),
            ),
            ask("text", "visitor_unit", "单位", "Unit"),
            ask("text", "visitor_post", "职务", "Post"),
        ),
        counted(
            "visitor_count",
            "走访人员人数",
            "Number of visitors",
            "count(${visitors})",
            Check(". >= 1", "至少填写一名走访人员。", "Name at least one visitor."),
        ),
        repeat(
            "hosts",
            "企业接待人",
            "Received by",
            ask("text", "host_name", "姓名", "Name", required=True, pii="personal"),
            ask("text", "host_post", "职务", "Post"),
            ask("text", "host_phone", "电话(选填)", "Telephone (optional)", pii="personal", appearance="numbers"),
            ask("select_one yes_no", "host_in_charge", "是否负责人", "In charge of the firm?"),
        ),
        counted(
            "host_count",
            "接待人人数",
            "Number of people met",
            "count(${hosts})",
            Check(
                ". >= 1 or ${operate_state} = 'unreachable'",
                "至少填写一名企业接待人(企业联系不上的除外)。",
                "Name at least one person who received you (unless the firm cannot be reached).",
            ),
        ),
    )


def _situation() -> Rows:
    return group(
        "situation",
        "经营情况",
        "How business goes",
        ask("select_one operate_state", "operate_state", "经营状态", "Operating state", required=True),
        remember("last_staff", "staff_now"),
        ask(
            "integer",
            "staff_now",
            "在岗人数",
            "People on duty",
            unit="人",
            check=Check(". >= 0", "人数不能为负数。", "People cannot be negative."),
            verify=Check(
                "${last_staff} = '' or (. >= 0.5 * ${last_staff} and . <= 1.5 * ${last_staff})",
                "与上次走访的${last_staff}人相差超过50%,请核实并说明。",
                "This differs from last time (${last_staff}) by more than 50 %; check and give the reason.",
            ),
        ),
        ask("select_one revenue_trend", "revenue_trend", "今年以来营收同比", "Revenue against last year", **SECRET),
        ask("select_one order_trend", "order_trend", "在手订单", "Orders in hand"),
        ask("select_one capacity", "capacity", "产能利用率", "Use of capacity"),
        ask(
            "text",
            "new_things",
            "新情况(新产品/新项目/投资/获奖)",
            "News (products, projects, investment, awards)",
            appearance="multiline",
        ),
    )


def _policies() -> Rows:
    blocked = Check(
        "sum(${is_policy_report}) > 0",
        "政策受阻,建议在“问题与诉求”中登记一条“政策与兑现”类诉求。",
        "A policy is blocked: consider writing it down below as a problem of kind 11.",
    )
    return group(
        "policy",
        "政策宣讲与享受",
        "Policies",
        ask("select_multiple policies", "policies_told", "已宣讲政策", "Policies explained"),
        ask(
            "text",
            "policies_told_other",
            "其他已宣讲政策",
            "Other policies explained",
            relevant="selected(${policies_told}, 'other')",
            hint=OTHER_TOLD,
            required=True,
        ),
        ask("select_multiple policies", "policies_enjoyed", "已享受政策", "Policies received"),
        repeat(
            "policies_blocked",
            "未享受或受阻的政策",
            "Policies blocked",
            ask("select_one policies", "blocked_policy", "政策", "Policy", required=True, advise=blocked),
            ask("select_one blocked_reason", "blocked_reason", "原因", "Reason", required=True),
        ),
        ask(
            "select_multiple intention",
            "intention",
            "发展意向",
            "Intentions",
            check=only_alone(
                "none", "“暂无”不能与其他意向同时选择。", "“None for now” cannot be chosen together with others."
            ),
        ),
    )


def _finance() -> Rows:
    return together(
        ask("select_one yes_no", "fin_need", "有无融资需求", "Is there a financing need?"),
        group(
            "finance",
            "融资需求",
            "Financing need",
            money(
                "fin_amount",
                "融资金额",
                "Amount wanted",
                required=True,
                check=Check(". > 0", "融资金额应大于零。", "The amount must be above zero."),
            ),
            ask("select_one fin_term", "fin_term", "期限", "Term", **SECRET),
            ask("select_multiple fin_use", "fin_use", "用途", "Use", **SECRET),
            ask("select_one fin_guarantee", "fin_guarantee", "担保方式", "Guarantee", **SECRET),
            ask("date", "fin_when", "希望放款时间", "Wished date of payment"),
            ask(
                "select_one yes_no",
                "fin_push_bank",
                "是否同意将融资需求推送银行",
                "May the need be passed on to banks?",
                required=True,
                hint=Said("须由企业明确表示同意,可随时撤回", "The firm must agree expressly and may withdraw"),
            ),
            relevant="${fin_need} = 'yes'",
        ),
    )


def _said_and_promised() -> Rows:
    """The problems, and what became of earlier ones. Longer than 60 lines: one question an entry."""
    return together(
        problems(
            "issues",
            work_out("issue_enterprise", "${enterprise}"),
            work_out("issue_enterprise_name", "${enterprise_name}"),
            work_out("is_policy_report", "if(${category_group} = '11', 1, 0)"),
        ),
        work_out("issue_total", "sum(${said})"),
        ask(
            "select_one yes_no",
            "no_issue_confirm",
            "企业明确表示无诉求",
            "The firm says it has no problem",
            hint=Said("未询问的请留空", "Leave open when nobody asked"),
            check=Check(
                ". != 'yes' or ${issue_total} = 0",
                "已登记诉求,不能再选“企业明确表示无诉求”。",
                "Problems are written down; “no problem” cannot be chosen as well.",
            ),
            advise=Check(
                ". != 'no' or ${issue_total} > 0",
                "选择了“否”但没有登记诉求,请补充诉求。",
                "“No” is chosen but no problem is written down; add it.",
            ),
        ),
        repeat(
            "last_issues_check",
            "上次问题进展确认",
            "Earlier issues checked",
            ask(
                "select_one_from_file issues.csv",
                "earlier_issue",
                "事项",
                "Issue",
                required=True,
                choice_filter="enterprise = ${enterprise}",
            ),
            ask(
                "select_one yes_no",
                "earlier_agreed",
                "企业是否认可目前状态",
                "Does the firm agree with its state?",
                required=True,
            ),
            ask("text", "earlier_opinion", "企业意见", "The firm's opinion", appearance="multiline"),
        ),
        repeat(
            "promises",
            "现场承诺事项",
            "Promises made",
            ask("text", "promise", "事项", "What", required=True),
            ask(
                "date",
                "promise_due",
                "完成时间",
                "By when",
                required=True,
                check=Check(
                    ". >= ${visit_date}", "完成时间不能早于走访日期。", "The date cannot lie before the visit."
                ),
            ),
        ),
    )


def _closing() -> Rows:
    return group(
        "closing",
        "收尾",
        "Closing",
        ask(
            "select_one risk",
            "rating",
            "走访印象/风险提示",
            "Risk flag",
            hint=Said("内部使用,不向企业展示", "Internal, never shown to the firm"),
        ),
        ask(
            "text",
            "rating_reason",
            "风险原因",
            "Reason of the flag",
            required=True,
            relevant="${rating} = 'watch' or ${rating} = 'alarm'",
        ),
        ask(
            "date",
            "next_visit",
            "建议下次联系时间",
            "Next contact",
            check=Check(
                ". > ${visit_date}", "下次联系时间应晚于走访日期。", "The next contact must come after the visit."
            ),
        ),
        repeat(
            "photos",
            "现场照片(选填)",
            "Photos (optional)",
            ask(
                "image",
                "photo",
                "照片",
                "Photo",
                parameters="max-pixels=1600",
                hint=Said("最多6张,保存时去除位置信息", "At most six; the place is removed when stored"),
                check=Check("position(..) <= 6", "最多6张照片。", "At most six photos."),
            ),
        ),
        ask(
            "image",
            "firm_sign",
            "企业确认(选填)",
            "Firm's confirmation (optional)",
            appearance="signature",
            parameters="max-pixels=1600",
            pii="sensitive",
        ),
        ask("text", "remark", "备注", "Remarks", appearance="multiline"),
    )


VISIT_RECORD = Questionnaire(
    settings=header(
        "visit_record",
        Said("企业走访记录表", "Site-visit record"),
        "企访A表",
        "示例〔2026〕1号",
        Said(
            "本表用于记录走访情况、收集并督办企业诉求。", "This form records a visit and what the enterprise asks for."
        ),
        name_of_record="concat(${enterprise_name}, ' ', ${visit_date})",
    ),
    survey=together(
        _who_and_when(), _people(), _situation(), _policies(), _finance(), _said_and_promised(), _closing()
    ),
    entities=[REPORTS],
    choices=(
        YES_NO,
        URGENCY,
        Choices(
            "channel",
            (
                ("on_site", "实地", "On site"),
                ("phone", "电话", "Telephone"),
                ("video", "视频", "Video"),
                ("firm_came", "企业来访", "The firm came"),
            ),
        ),
        Choices(
            "purpose",
            (
                ("routine", "例行联系", "Routine contact"),
                ("policy", "政策宣讲", "Explaining policy"),
                ("verify_issue", "诉求核实", "Verifying a problem"),
                ("research", "专题调研", "Special study"),
                ("diagnosis", "现场诊断", "On-site diagnosis"),
                ("callback", "回访", "Call-back"),
                ("application", "申报辅导", "Help with an application"),
                ("other", "其他", "Other"),
            ),
        ),
        Choices(
            "operate_state",
            (
                ("normal", "正常", "Normal"),
                ("growing", "扩产", "Growing"),
                ("shrinking", "减产", "Shrinking"),
                ("halted", "停产半停产", "Halted or half halted"),
                ("moving", "搬迁中", "Moving"),
                ("closed", "注销", "Deregistered"),
                ("unreachable", "联系不上", "Cannot be reached"),
            ),
        ),
        Choices(
            "revenue_trend",
            (
                ("up15", "增15%以上", "Up by more than 15 %"),
                ("up", "增0–15%", "Up by 0–15 %"),
                ("flat", "持平", "Flat"),
                ("down", "降0–15%", "Down by 0–15 %"),
                ("down15", "降15%以上", "Down by more than 15 %"),
                ("withheld", "不便提供", "Rather not say"),
            ),
        ),
        Choices(
            "order_trend",
            (
                ("up", "增加", "More"),
                ("flat", "持平", "The same"),
                ("down", "减少", "Fewer"),
                ("na", "不适用", "Not applicable"),
            ),
        ),
        Choices(
            "capacity",
            (
                ("over90", "≥90%", "90 % or more"),
                ("70to90", "70–90%", "70–90 %"),
                ("50to70", "50–70%", "50–70 %"),
                ("under50", "<50%", "Under 50 %"),
                ("na", "不适用", "Not applicable"),
            ),
        ),
        Choices(
            "blocked_reason",
            (
                ("unknown", "不知晓", "Not known"),
                ("conditions", "条件不符", "Conditions not met"),
                ("papers", "材料难", "Papers too hard"),
                ("unpaid", "已申未到账", "Granted but not received"),
                ("other", "其他", "Other"),
            ),
        ),
        Choices(
            "intention",
            (
                ("innovative", "申报创新型", "Apply as innovative SME"),
                ("srdi", "申报专精特新", "Apply as SRDI SME"),
                ("giant", "申报小巨人", "Apply as little giant"),
                ("hightech", "申报高企", "Apply as high-tech firm"),
                ("listing", "上市", "Go public"),
                ("growing", "扩产", "Expand"),
                ("retrofit", "技改", "Retrofit"),
                ("digital", "数字化", "Go digital"),
                ("abroad", "出海", "Go abroad"),
                ("none", "暂无", "None for now"),
            ),
        ),
        Choices(
            "fin_term",
            (
                ("m6", "6个月以内", "Up to 6 months"),
                ("m12", "6–12个月", "6–12 months"),
                ("y3", "1–3年", "1–3 years"),
                ("y3plus", "3年以上", "More than 3 years"),
            ),
        ),
        Choices(
            "fin_use",
            (
                ("working", "流动资金", "Working capital"),
                ("equipment", "设备购置/技改", "Equipment or retrofit"),
                ("building", "厂房建设", "Buildings"),
                ("rd", "研发", "R&D"),
                ("refinance", "续贷转贷", "Refinancing"),
                ("other", "其他", "Other"),
            ),
        ),
        Choices(
            "fin_guarantee",
            (
                ("credit", "信用", "On credit"),
                ("mortgage", "抵押", "Mortgage"),
                ("pledge", "质押", "Pledge"),
                ("guarantor", "保证/担保公司", "Guarantor"),
                ("receivables", "应收账款", "Receivables"),
                ("undecided", "未定", "Undecided"),
            ),
        ),
        Choices("risk", (("none", "无", "None"), ("watch", "关注", "Watch"), ("alarm", "预警", "Alarm"))),
    ),
)
