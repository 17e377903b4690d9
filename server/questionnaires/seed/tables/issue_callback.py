"""Form E, 诉求办理回访与满意度表: whether a problem was really solved, asked by somebody who did not handle it."""

from __future__ import annotations

from server.questionnaires.seed.pieces import REPORTS, URGENCY, YES_NO, header, person, problems
from server.questionnaires.seed.words import (
    Check,
    Choices,
    Questionnaire,
    Rows,
    Said,
    ask,
    group,
    remember,
    together,
    work_out,
)

NOT_HAPPY = "${satisfied} = 'no'"
NO_OTHER_TRY_TODAY = "${last_issue} != ${issue} or ${last_at} = '' or substr(${last_at}, 0, 10) != substr(${at}, 0, 10)"


def _call() -> Rows:
    return together(
        ask("select_one_from_file issues.csv", "issue", "诉求编号", "Issue", required=True, appearance="autocomplete"),
        work_out("handler", "pulldata('issues', 'handler', 'name', ${issue})"),
        person(
            "caller",
            "回访人",
            "Caller",
            required=True,
            check=Check(
                ". != ${handler}", "回访人不能是本事项的承办人。", "The caller cannot be the handler of the issue."
            ),
        ),
        ask(
            "dateTime",
            "at",
            "回访时间",
            "When",
            required=True,
            default="now()",
            check=Check(
                "decimal-date-time(.) <= decimal-date-time(now())",
                "回访时间不能晚于现在。",
                "The call cannot lie in the future.",
            ),
        ),
        ask("select_one channel", "channel", "回访方式", "How", required=True),
        remember("last_issue", "issue"),
        remember("last_at", "at"),
        ask(
            "integer",
            "attempt",
            "第几次尝试",
            "Which try",
            required=True,
            default="1",
            check=Check(". >= 1 and . <= 3", "最多尝试3次。", "There are at most three tries."),
            verify=Check(
                NO_OTHER_TRY_TODAY,
                "同一天已经尝试过,应在不同工作日再次回访。",
                "There was a try on this day already; try again on another working day.",
            ),
        ),
        ask("select_one reached", "reached", "是否接通", "Reached?", required=True),
        work_out("unreachable", "if(${reached} != '' and ${reached} != 'reached' and ${attempt} >= 3, 'yes', 'no')"),
    )


def _answers() -> Rows:
    return group(
        "answers",
        "企业评价",
        "What the firm answers",
        ask("text", "respondent", "受访人", "Respondent", pii="personal"),
        ask("select_one contacted", "contacted", "承办单位是否在规定时间联系您", "Did the unit contact you in time?"),
        ask("select_one solved", "solved", "问题是否解决", "Is the problem solved?", required=True),
        ask(
            "select_one satisfied",
            "satisfied",
            "对办理结果是否满意",
            "Are you satisfied with the result?",
            required=True,
        ),
        ask("range", "attitude", "服务态度", "Attitude", parameters="start=1 end=5 step=1", appearance="rating"),
        ask("range", "speed", "办理速度", "Speed", parameters="start=1 end=5 step=1", appearance="rating"),
        ask("select_multiple why_not", "why_not", "不满意原因", "Why not", required=True, relevant=NOT_HAPPY),
        ask(
            "text",
            "why_not_text",
            "不满意的具体情况",
            "What exactly",
            required=True,
            relevant=NOT_HAPPY,
            appearance="multiline",
        ),
        ask(
            "select_one yes_no",
            "subjective",
            "是否承办主观原因",
            "Is the unit's own conduct the cause?",
            relevant=NOT_HAPPY,
            required=True,
            hint=Said("由回访人员判断;选“是”应退回重办", "Judged by the caller; “yes” leads to a redo"),
        ),
        ask(
            "select_one yes_no",
            "redo",
            "是否退回重办",
            "Send back?",
            relevant=f"{NOT_HAPPY} or ${{solved}} = 'no'",
            check=Check(
                ". = 'yes' or ${subjective} != 'yes'",
                "因承办主观原因不满意的,应退回重办。",
                "When the unit's own conduct is the cause, the issue goes back.",
            ),
            required="${subjective} = 'yes'",
        ),
        ask("select_one yes_no", "agree_case", "是否同意作为案例", "May it be used as a case?"),
        ask("text", "words", "企业原话", "The firm's words", appearance="multiline"),
        relevant="${reached} = 'reached'",
    )


ISSUE_CALLBACK = Questionnaire(
    settings=header(
        "issue_callback",
        Said("诉求办理回访与满意度表", "Call-back and satisfaction"),
        "企访E表",
        "示例〔2026〕5号",
        Said(
            "本表用于核实诉求办理结果和企业满意度。",
            "This form checks how a problem was handled and how the firm sees it.",
        ),
        name_of_record="concat(pulldata('issues', 'label', 'name', ${issue}), ' ', substr(${at}, 0, 10))",
    ),
    survey=together(
        _call(),
        _answers(),
        problems(
            "new_issue",
            work_out("issue_enterprise", "pulldata('issues', 'enterprise', 'name', ${issue})"),
            work_out("issue_enterprise_name", "pulldata('enterprises', 'label', 'name', ${issue_enterprise})"),
        ),
    ),
    entities=[REPORTS],
    choices=(
        YES_NO,
        URGENCY,
        Choices(
            "channel",
            (
                ("phone", "电话", "Telephone"),
                ("visit", "上门", "Visit"),
                ("sms", "短信链接", "Link by SMS"),
                ("code", "企业码", "Enterprise code"),
            ),
        ),
        Choices(
            "reached",
            (
                ("reached", "接通", "Reached"),
                ("no_answer", "无人接听", "No answer"),
                ("wrong_number", "号码错误", "Wrong number"),
                ("refused", "拒访", "Refused"),
            ),
        ),
        Choices("contacted", (("yes", "是", "Yes"), ("no", "否", "No"), ("unsure", "记不清", "Cannot remember"))),
        Choices(
            "solved",
            (
                ("yes", "已解决", "Solved"),
                ("partly", "部分解决", "Partly"),
                ("no", "未解决", "Not solved"),
                ("explained", "只是解释", "Only explained"),
            ),
        ),
        Choices(
            "satisfied",
            (
                ("yes", "满意", "Satisfied"),
                ("mostly", "基本满意", "Mostly satisfied"),
                ("no", "不满意", "Not satisfied"),
            ),
        ),
        Choices(
            "why_not",
            (
                ("unsolved", "未解决", "Not solved"),
                ("passed_on", "推诿", "Passed on"),
                ("slow", "太慢", "Too slow"),
                ("attitude", "态度", "Attitude"),
                ("policy", "政策不允许", "Policy forbids"),
                ("vague", "答复笼统", "Vague answer"),
                ("other", "其他", "Other"),
            ),
        ),
    ),
)
