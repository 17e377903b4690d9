"""Form C, 企业座谈会记录: who came to a meeting with enterprises, what was said, what is to be done.

Longer than 300 lines because it is a table, one question an entry.
"""

from __future__ import annotations

from server.questionnaires.seed.pieces import CAMPAIGN, REPORTS, URGENCY, YES_NO, header, person, problems
from server.questionnaires.seed.words import (
    Check,
    Choices,
    Questionnaire,
    Rows,
    Said,
    ask,
    counted,
    group,
    repeat,
    together,
    work_out,
)

FROM_SIGN_IN = ("问题所属企业应在签到名单中。", "The firm of a problem must be in the sign-in list.")


def _meeting() -> Rows:
    return together(
        ask("text", "meeting_name", "会议名称", "Name of the meeting", required=True),
        ask("select_one meeting_kind", "meeting_kind", "会议类型", "Kind of meeting", required=True),
        CAMPAIGN,
        ask("dateTime", "start_at", "开始时间", "Start", required=True),
        ask(
            "dateTime",
            "end_at",
            "结束时间",
            "End",
            required=True,
            check=Check(
                "decimal-date-time(.) > decimal-date-time(${start_at})",
                "结束时间应晚于开始时间。",
                "The end must be later than the start.",
            ),
        ),
        ask("text", "place", "地点", "Place", required=True),
        ask("text", "host_unit", "主办单位", "Host", required=True),
        ask("text", "chair", "主持人", "Chair", pii="personal"),
        person("recorder", "记录人", "Recorder", required=True),
        ask("text", "topic", "主题", "Topic"),
        repeat(
            "agenda",
            "议程",
            "Agenda",
            work_out("agenda_no", "position(..)"),
            ask("text", "agenda_item", "事项", "Item", required=True),
            ask(
                "integer",
                "agenda_minutes",
                "时长",
                "Length",
                unit="分钟",
                check=Check(". > 0", "时长应大于零。", "The length must be above zero."),
            ),
            ask("text", "agenda_speaker", "发言人", "Speaker", pii="personal"),
        ),
        ask(
            "date",
            "questions_due",
            "会前征集问题截止",
            "Questions asked for until",
            verify=Check(
                ". <= date(${start_at})",
                "征集截止晚于会议开始,请核实。",
                "Questions close after the meeting begins; check it.",
            ),
        ),
        ask("text", "invited", "参会企业范围", "Which firms are invited", appearance="multiline"),
    )


def _attendance() -> Rows:
    return together(
        repeat(
            "attendance",
            "签到",
            "Sign-in",
            ask("select_one attendee_kind", "attendee_kind", "类型", "Kind", required=True, default="firm"),
            ask(
                "select_one_from_file enterprises.csv",
                "att_enterprise",
                "企业",
                "Enterprise",
                appearance="autocomplete",
                relevant="${attendee_kind} = 'firm'",
            ),
            ask(
                "text",
                "att_unit",
                "单位名称",
                "Organisation",
                required="${att_enterprise} = ''",
                hint=Said("名录外企业、部门或机构填写", "For firms not in the registry, departments, other bodies"),
            ),
            ask("text", "att_name", "姓名", "Name", required=True, pii="personal"),
            ask("text", "att_post", "职务", "Post"),
            ask("text", "att_phone", "手机(选填)", "Mobile (optional)", pii="personal", appearance="numbers"),
            ask(
                "image",
                "att_sign",
                "签名(选填)",
                "Signature (optional)",
                appearance="signature",
                parameters="max-pixels=1600",
                pii="sensitive",
            ),
            ask("select_one attendance_mode", "att_mode", "到会方式", "How they attend", default="present"),
            ask("select_one yes_no", "att_leave", "请假", "Excused?", default="no"),
            work_out("att_firm", "if(${attendee_kind} = 'firm' and ${att_leave} != 'yes', 1, 0)"),
        ),
        counted(
            "firm_count",
            "到会企业数",
            "Firms present",
            "sum(${att_firm})",
            Check(". >= 1", "至少有一家企业到会。", "At least one firm must be present."),
        ),
        work_out("att_enterprises", "join(' ', ${att_enterprise})"),
        work_out("att_units", "concat('|', join('|', ${att_unit}), '|')"),
        work_out("att_names", "concat('|', join('|', ${att_name}), '|')"),
    )


def _statements() -> Rows:
    return repeat(
        "statements",
        "发言",
        "Statements",
        ask(
            "text",
            "speaker",
            "发言人",
            "Speaker",
            required=True,
            pii="personal",
            check=Check(
                "contains(${att_names}, concat('|', ., '|'))",
                "发言人应在签到名单中。",
                "The speaker must be in the sign-in list.",
            ),
        ),
        ask("text", "gist", "要点", "Main points", required=True, appearance="multiline"),
        ask("select_one statement_kind", "statement_kind", "类型", "Kind"),
        ask("image", "statement_file", "附件", "Attachment", parameters="max-pixels=1600"),
    )


def _raised() -> Rows:
    firm = ask(
        "select_one_from_file enterprises.csv",
        "issue_enterprise",
        "提出企业",
        "Firm that raised it",
        check=Check("selected(${att_enterprises}, .)", *FROM_SIGN_IN),
        appearance="autocomplete",
    )
    its_name = ask(
        "text",
        "issue_firm",
        "提出企业(名录外)",
        "Firm that raised it (not in the registry)",
        required=True,
        relevant="${issue_enterprise} = ''",
        check=Check("contains(${att_units}, concat('|', ., '|'))", *FROM_SIGN_IN),
    )
    return problems(
        "issues",
        firm,
        its_name,
        ask("select_one yes_no", "to_triage", "责任单位待分办", "Unit to be found by the dispatcher"),
        ask("text", "answer_unit", "现场答复单位", "Unit that answered on the spot"),
        ask(
            "date",
            "due_on",
            "时限",
            "Time limit",
            check=Check(". >= date(${start_at})", "时限不能早于会议日期。", "The limit cannot lie before the meeting."),
        ),
        unit_label=Said("会后责任单位", "Unit in charge after the meeting"),
        unit_required="${solved_on_site} = 'no' and ${to_triage} != 'yes'",
    )


def _minutes() -> Rows:
    return group(
        "minutes",
        "纪要",
        "Minutes",
        ask("text", "conclusion", "会议结论", "Conclusions", appearance="multiline"),
        person(
            "signer",
            "签发人",
            "Signed by",
            check=Check(". != ${recorder}", "纪要不能由记录人签发。", "The recorder cannot sign the minutes."),
        ),
        ask(
            "date",
            "signed_on",
            "签发日期",
            "Signed on",
            required="${signer} != ''",
            check=Check(
                ". >= date(${start_at})",
                "签发日期不能早于会议日期。",
                "The minutes cannot be signed before the meeting.",
            ),
        ),
        ask("text", "sent_to", "印发范围", "Sent to"),
        ask("file", "minutes_file", "附件", "Attachment"),
    )


SYMPOSIUM = Questionnaire(
    settings=header(
        "symposium",
        Said("企业座谈会记录", "Symposium record"),
        "企访C表",
        "示例〔2026〕3号",
        Said(
            "本表用于记录座谈会签到、发言和问题办理。",
            "This form records who came to a symposium, what was said and what is to be done.",
        ),
        name_of_record="${meeting_name}",
    ),
    survey=together(_meeting(), _attendance(), _statements(), _raised(), _minutes()),
    entities=[REPORTS],
    choices=(
        YES_NO,
        URGENCY,
        Choices(
            "meeting_kind",
            (
                ("symposium", "企业家座谈会", "Symposium of entrepreneurs"),
                ("bank", "银企对接", "Banks meet firms"),
                ("round_table", "政企圆桌会", "Round table"),
                ("industry", "行业恳谈", "Talk of one trade"),
                ("policy", "政策宣讲", "Explaining policy"),
                ("training", "培训", "Training"),
            ),
        ),
        Choices(
            "attendee_kind",
            (
                ("firm", "企业", "Firm"),
                ("department", "部门", "Department"),
                ("bank", "银行/机构", "Bank or agency"),
                ("expert", "专家", "Expert"),
                ("media", "媒体", "Press"),
            ),
        ),
        Choices(
            "attendance_mode",
            (("present", "现场", "In person"), ("online", "线上", "Online"), ("deputy", "代会", "By a deputy")),
        ),
        Choices(
            "statement_kind",
            (
                ("situation", "情况", "Situation"),
                ("difficulty", "困难", "Difficulty"),
                ("suggestion", "建议", "Suggestion"),
                ("need", "需求", "Need"),
            ),
        ),
    ),
)
