"""What the five questionnaires share: the enterprise, its credit code, the problems it raises, the legal header."""

from __future__ import annotations

from typing import Any

from server.questionnaires.seed.words import (
    ZH,
    Check,
    Choices,
    Row,
    Rows,
    Said,
    ask,
    both,
    money,
    repeat,
    work_out,
)

CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: 31 symbols, each worth its place; I, O, S, V and Z are not used."""
CODE_WEIGHTS = tuple(3**place % 31 for place in range(17))


def credit_code(name: str, **columns: Any) -> Row:
    """A unified social credit code with its check character.

    The sum is written out in the constraint itself: stock phone apps look at a constraint before they work out the
    calculations, so a hidden row would still hold the sum of the code that stood there before.
    """
    worth = (f"string-length(substring-before('{CODE_ALPHABET}', substr(., {i}, {i + 1})))" for i in range(17))
    total = " + ".join(f"{weight} * {value}" for weight, value in zip(CODE_WEIGHTS, worth, strict=True))
    place = f"(31 - ({total}) mod 31) mod 31"
    shape = "^[0-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}$"
    check = Check(
        f"regex(., '{shape}') and substring-before('{CODE_ALPHABET}', substr(., 17, 18)) = "
        f"substr('{CODE_ALPHABET}', 0, {place})",
        "不是有效的统一社会信用代码:应为18位大写字母和数字(不含I、O、S、V、Z),且末位校验码相符。",
        "Not a valid credit code: 18 digits and capital letters (no I, O, S, V, Z) with a matching last character.",
    )
    hint = Said("18位,字母大写", "18 characters, letters in capitals")
    return ask("text", name, "统一社会信用代码", "Unified social credit code", check=check, hint=hint, **columns)


def enterprise(**columns: Any) -> Row:
    """The enterprise, chosen from the registry by name, pinyin or credit code."""
    hint = Said("按名称、拼音或信用代码查找", "Search by name, pinyin or credit code")
    look = {"appearance": "autocomplete", "hint": hint}
    return ask("select_one_from_file enterprises.csv", "enterprise", "企业", "Enterprise", **look | columns)


SUGGESTED_UNIT = Said("建议责任单位", "Suggested unit")


def problems(
    name: str,
    enterprise_of_row: Row,
    its_name: Row,
    *more: Row,
    unit_required: str = "",
    unit_label: Said = SUGGESTED_UNIT,
) -> Rows:
    """What the enterprise says is wrong: each row is saved to the list `reports` and becomes one report.

    `its_name` keeps who said it when the enterprise is in no registry yet. Longer than 60 lines: one question an entry.
    """
    too_long = Check("string-length(.) <= 40", "标题不超过40字。", "A title has at most 40 characters.")
    own_words = Said("照录企业原话,不作修饰", "The enterprise's own words, unpolished")
    unit_columns: dict[str, Any] = {"required": unit_required} if unit_required else {}
    not_past = Check(". >= today()", "希望解决的时间已经过去。", "The wished date has already passed.")
    return repeat(
        name,
        "问题与诉求",
        "Problems and requests",
        enterprise_of_row | {"save_to": "enterprise"},
        its_name | {"save_to": "enterprise_name"},
        ask("text", "title", "标题", "Title", required=True, check=too_long, save_to="title"),
        ask(
            "text",
            "description",
            "描述(企业原话)",
            "Description (the firm's own words)",
            required=True,
            appearance="multiline",
            hint=own_words,
            save_to="description",
        ),
        ask(
            "select_one category_groups",
            "category_group",
            "类别",
            "Kind of problem",
            required=True,
            appearance="columns-pack",
        ),
        ask(
            "select_one categories",
            "category",
            "具体类别",
            "Kind in detail",
            required=True,
            appearance="columns-pack",
            choice_filter="parent = ${category_group}",
            save_to="category",
        ),
        ask("select_one urgency", "urgency", "紧急程度", "Urgency", required=True, default="normal", save_to="urgency"),
        ask("select_one yes_no", "solved_on_site", "是否现场解决", "Solved on the spot?", save_to="solved_on_site"),
        ask(
            "text",
            "on_site_answer",
            "现场答复",
            "Answer given on the spot",
            appearance="multiline",
            required="${solved_on_site} = 'yes'",
            save_to="on_site_answer",
        ),
        ask("date", "wish_date", "希望解决的时间", "Wished date", advise=not_past, save_to="wish_date"),
        money("amount", "涉及金额", "Amount involved", save_to="amount"),
        ask(
            "integer",
            "people",
            "涉及人数",
            "People concerned",
            unit="人",
            save_to="people",
            check=Check(". >= 0", "人数不能为负数。", "People cannot be negative."),
        ),
        ask("text", "suggested_unit", *unit_label, save_to="suggested_unit", **unit_columns),
        *more,
        ask(
            "image",
            "attachment",
            "附件(选填)",
            "Attachment (optional)",
            parameters="max-pixels=1600",
            save_to="attachment",
        ),
        ask(
            "select_one yes_no",
            "publish_name_consent",
            "企业是否同意公开企业名",
            "May the firm's name be made public?",
            save_to="publish_name_consent",
        ),
        work_out("said", "if(${title} != '' or ${description} != '', 1, 0)"),
    )


REPORTS: Row = {
    "dataset": "reports",
    "label": "coalesce(${title}, substr(${description}, 0, 40))",
    "create_if": "${said} = 1",
}
"""A row nobody wrote anything in (stock phone apps open a repeat with one) makes no report."""


def header(form_id: str, title: Said, number: str, approval: str, purpose: Said, *, name_of_record: str) -> Row:
    """The settings sheet: identity, and the legal header a lawful form shows before its first question."""
    notice = Said(
        f"{purpose.zh}个人信息仅用于服务联系,项目结束满三年后删除或匿名;可要求查阅、更正、删除,也可拒绝回答选填项。"
        "商业数据按商业秘密保护。",
        f"{purpose.en} Personal data serve contact only and are erased or made anonymous three years after the work "
        "ends; you may ask to see, correct or delete them, and may leave optional questions open. "
        "Business data are kept as business secrets.",
    )
    own = both("qf::title", title) | both("qf::notice", notice)
    return {
        "form_title": f"{title.zh} {title.en}",
        "form_id": form_id,
        "version": "2026112101",
        "default_language": ZH,
        "instance_name": name_of_record,
        "qf::number": number,
        "qf::issued_by": "区中小企业服务局",
        "qf::approved_by": "区统计局",
        "qf::approval_number": approval,
        "qf::valid_until": "2028-12-31",
        "qf::photo_place": "remove",
    } | own


YES_NO = Choices("yes_no", (("yes", "是", "Yes"), ("no", "否", "No")))
URGENCY = Choices(
    "urgency", (("normal", "一般", "Ordinary"), ("pressing", "较急", "Pressing"), ("urgent", "紧急", "Urgent"))
)


OTHER_TOLD = Said("选“其他”时填写", "When “other” is chosen")


def only_alone(option: str, zh: str, en: str) -> Check:
    """An exclusive option of a select_multiple: chosen, it stands alone."""
    return Check(f"not(selected(., '{option}')) or count-selected(.) = 1", zh, en)


def person(name: str, zh: str, en: str, **columns: Any) -> Row:
    """Somebody of the bureau, from the list the phone carries."""
    return ask("select_one_from_file people.csv", name, zh, en, appearance="autocomplete", **columns)


CAMPAIGN = ask("select_one_from_file campaigns.csv", "campaign", "所属活动", "Campaign", prefill="registry:campaign")
