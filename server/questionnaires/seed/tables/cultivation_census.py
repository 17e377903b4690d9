"""Form B, 专精特新培育摸底与自评表: once a year, how far an enterprise is up the tiers.

Longer than 300 lines because it is a table, one question an entry.
"""

from __future__ import annotations

from typing import Any

from server.questionnaires.seed import criteria
from server.questionnaires.seed.pieces import (
    REPORTS,
    URGENCY,
    YES_NO,
    credit_code,
    enterprise,
    header,
    only_alone,
    problems,
)
from server.questionnaires.seed.words import (
    NOT_FUTURE,
    NOT_NEGATIVE,
    PERCENT,
    Check,
    Choices,
    Questionnaire,
    Rows,
    Said,
    ask,
    at_most,
    group,
    money,
    repeat,
    together,
    work_out,
)

HONOURS = (
    ("tech", "科技型中小企业", "Technology SME"),
    ("hightech", "高新技术企业", "High-tech firm"),
    ("innovative", "创新型中小企业", "Innovative SME"),
    ("srdi", "专精特新中小企业", "SRDI SME"),
    ("giant", "专精特新“小巨人”企业", "Little giant"),
    ("champion", "制造业单项冠军", "Single champion"),
    ("gazelle", "瞪羚企业", "Gazelle firm"),
    ("young_eagle", "雏鹰企业", "Young-eagle firm"),
)
THIS_YEAR = "number(format-date(today(), '%Y'))"


def saved_to(dataset: str, rows: Rows) -> Rows:
    """With several lists in one form, `save_to` names the list as well."""
    return [row | {"save_to": f"{dataset}#{row['save_to']}"} if "save_to" in row else row for row in rows]


def _region(name: str, zh: str, en: str, **columns: Any) -> Rows:
    """A region from the list; one the list does not know is accepted by its code and looked at later."""
    shape = Check(
        "regex(., '^[1-9][0-9]{5}([0-9]{3}([0-9]{3})?)?$')",
        "区划代码应为6、9或12位数字。",
        "A region code has 6, 9 or 12 digits.",
    )
    return together(
        ask("select_one_from_file regions.csv", name, zh, en, appearance="autocomplete", **columns),
        ask(
            "text",
            f"{name}_code",
            f"{zh}代码",
            f"{en}: code",
            required=True,
            relevant=f"${{{name}}} = 'unlisted'",
            appearance="numbers",
            check=shape,
        ),
    )


def _patched() -> Rows:
    """Base data that update the dossier once the firm has confirmed them. Longer than 60 lines: one question an entry."""
    return together(
        ask(
            "date",
            "registered_on",
            "注册日期",
            "Registered on",
            check=NOT_FUTURE,
            prefill="registry:registered_on",
            save_to="registered_on",
        ),
        _region(
            "region", "注册地", "Place of registration", required=True, prefill="registry:region", save_to="region"
        ),
        _region(
            "produce_region",
            "生产地",
            "Place of production",
            prefill="registry:produce_region",
            save_to="produce_region",
        ),
        ask(
            "select_one_from_file industries.csv",
            "industry",
            "国民经济行业",
            "Industry (GB/T 4754-2017)",
            required=True,
            appearance="autocomplete",
            prefill="registry:industry",
            save_to="industry",
            check=Check(
                "string-length(.) >= 3",
                "请选择到大类(字母加两位数字)。",
                "Choose a division (a letter and two digits).",
            ),
        ),
        ask(
            "select_one estate_kind",
            "estate_kind",
            "房地产业类别",
            "Kind of real-estate business",
            required=True,
            relevant="${industry} = 'K70'",
        ),
        ask(
            "select_one enterprise_type",
            "enterprise_type",
            "企业类型",
            "Type of enterprise",
            prefill="registry:enterprise_type",
            save_to="enterprise_type",
        ),
        ask(
            "text",
            "legal_person",
            "法定代表人",
            "Legal representative",
            pii="personal",
            prefill="registry:legal_person",
            save_to="legal_person",
        ),
        group(
            "contact",
            "联系人",
            "Contact",
            ask(
                "text",
                "contact_name",
                "姓名",
                "Name",
                required=True,
                pii="personal",
                prefill="registry:contact_name",
                save_to="contact_name",
            ),
            ask("text", "contact_post", "职务", "Post", prefill="registry:contact_post", save_to="contact_post"),
            ask(
                "text",
                "contact_phone",
                "手机",
                "Mobile",
                required=True,
                pii="personal",
                appearance="numbers",
                prefill="registry:contact_phone",
                save_to="contact_phone",
                check=Check("regex(., '^1[3-9][0-9]{9}$')", "手机号应为11位。", "A mobile number has 11 digits."),
            ),
            appearance="field-list",
        ),
    )


def _base_data() -> Rows:
    until = [
        ask("date", f"{key}_until", f"{zh}有效期至", f"{en}: valid until", relevant=f"selected(${{honours}}, '{key}')")
        for key, zh, en in HONOURS
    ]
    return together(
        enterprise(required=True),
        work_out("enterprise_label", "pulldata('enterprises', 'label', 'name', ${enterprise})"),
        credit_code("credit_code", required=True, prefill="registry:credit_code"),
        ask("text", "enterprise_name", "企业名称", "Name of the enterprise", required=True, prefill="registry:name"),
        saved_to("enterprises", _patched()),
        ask(
            "select_multiple honours",
            "honours",
            "已有资质",
            "Titles held",
            required=True,
            prefill="registry:honours",
            check=only_alone("none", "“无”不能与其他资质同时选择。", "“None” cannot be chosen together with others."),
        ),
        group("honour_until", "资质有效期", "Validity of the titles", until, appearance="field-list"),
        ask(
            "select_one yes_no",
            "base_confirmed",
            "以上基础数据经企业确认",
            "The firm confirms the data above",
            required=True,
            hint=Said("选“是”后更新企业档案", "“Yes” updates the dossier"),
        ),
    )


def _niche() -> Rows:
    months = (
        f"12 * {THIS_YEAR} - 12 * number(format-date(${{niche_since}}, '%Y')) - "
        "number(format-date(${niche_since}, '%n')) + 1"
    )
    return group(
        "niche_market",
        "细分市场与主导产品",
        "Niche and main product",
        ask("text", "niche", "细分市场名称", "Niche market", required=True, prefill="last:niche"),
        ask(
            "date",
            "niche_since",
            "从事细分市场起始年月",
            "In the niche since",
            appearance="month-year",
            check=Check(". <= today()", "起始年月不能晚于本月。", "The month cannot lie in the future."),
            prefill="last:niche_since",
        ),
        work_out("niche_years", f"if(${{niche_since}} != '', max(0, round(({months}) div 12, 2)), '')", unit="年"),
        ask("text", "main_product", "主导产品名称", "Main product", required=True, prefill="last:main_product"),
        ask(
            "text",
            "main_product_code",
            "主导产品类别代码",
            "Main product: class code",
            prefill="last:main_product_code",
            hint=Said("按《统计用产品分类目录》填写", "By the statistical catalogue of products"),
        ),
        ask("select_one product_field", "product_field", "主导产品所属领域", "Field of the main product"),
        ask("decimal", "share_cn", "国内细分市场占有率", "Share of the Chinese niche", unit="%", check=PERCENT),
        ask(
            "integer",
            "rank_cn",
            "国内细分市场排名",
            "Rank in the Chinese niche",
            check=Check(". >= 1", "排名从1开始。", "Ranks begin at 1."),
        ),
        ask("decimal", "share_world", "国际细分市场占有率", "Share of the world niche", unit="%", check=PERCENT),
    )


def _accounts() -> Rows:
    """Two years of figures. Longer than 60 lines: one question an entry."""
    main = ("主营业务收入应不小于0且不大于营业收入。", "Main revenue lies between zero and the revenue.")

    def not_over_revenue(year: str) -> Check:
        return Check(
            f"${{rev_{year}}} = '' or . <= 1.5 * ${{rev_{year}}}",
            "研发费用超过营业收入的1.5倍,请核实并说明。",
            "R&D is over 1.5 times the revenue; check and give the reason.",
        )

    return group(
        "accounts",
        "财务与研发",
        "Accounts and R&D",
        money("rev_y1", "上年度营业收入", "Revenue, last year", required=True),
        money(
            "rev_y2",
            "前年度营业收入",
            "Revenue, the year before",
            required=True,
            verify=Check(
                "${rev_y1} = '' or (${rev_y1} >= 0.2 * . and ${rev_y1} <= 5 * .)",
                "两年营业收入之比超出0.2–5,请核实并说明。",
                "The two years differ by more than a factor of five; check and give the reason.",
            ),
        ),
        money(
            "main_rev_y1",
            "上年度主营业务收入",
            "Main-business revenue, last year",
            required=True,
            check=at_most("rev_y1", *main),
        ),
        money(
            "main_rev_y2",
            "前年度主营业务收入",
            "Main-business revenue, the year before",
            required=True,
            check=at_most("rev_y2", *main),
        ),
        money("profit_y1", "上年度净利润", "Net profit, last year", below_zero=True),
        money("asset_y1", "上年末资产总额", "Assets, end of last year", required=True),
        money(
            "debt_y1",
            "上年末负债总额",
            "Liabilities, end of last year",
            required=True,
            verify=Check(
                "${asset_y1} = '' or . <= ${asset_y1}",
                "负债大于资产,请核实并说明。",
                "Liabilities exceed assets; check and give the reason.",
            ),
        ),
        money("rd_y1", "上年度研发费用", "R&D cost, last year", required=True, verify=not_over_revenue("y1")),
        money("rd_y2", "前年度研发费用", "R&D cost, the year before", required=True, verify=not_over_revenue("y2")),
        ask(
            "integer",
            "staff",
            "职工总数",
            "Staff",
            required=True,
            unit="人",
            check=NOT_NEGATIVE,
            save_to="enterprises#staff",
        ),
        ask(
            "integer",
            "rd_staff",
            "研发人员",
            "R&D staff",
            required=True,
            unit="人",
            check=at_most("staff", "研发人员应不小于0且不多于职工总数。", "R&D staff lie between zero and the staff."),
        ),
        money("equity_2y", "近2年新增股权融资", "New equity, two years"),
        money(
            "equity_3y",
            "近3年新增股权融资",
            "New equity, three years",
            check=Check(
                ". >= 0 and (${equity_2y} = '' or . >= ${equity_2y})",
                "近3年合计不能小于近2年合计。",
                "Three years cannot be less than two.",
            ),
        ),
    )


def _size() -> Rows:
    """大中小微 by the thresholds of size_rules.csv: both lower limits must be met, else one step down."""

    def rule(column: str) -> str:
        return f"pulldata('size_rules', '{column}', 'name', ${{size_rule}})"

    def measure(column: str) -> str:
        return (
            f"if(${{{column}}} = 'staff', ${{staff}}, if(${{{column}}} = 'revenue', ${{rev_y1}}, "
            f"if(${{{column}}} = 'asset', ${{asset_y1}}, '')))"
        )

    def meets(step: str) -> str:
        return f"${{size_a}} >= {rule(step + '1')} and (${{size_second}} = '' or ${{size_b}} >= {rule(step + '2')})"

    steps = f"if({meets('large')}, 'large', if({meets('medium')}, 'medium', if({meets('small')}, 'small', 'micro')))"
    missing = "${size_rule} = '' or ${size_a} = '' or (${size_second} != '' and ${size_b} = '')"
    by_industry = "pulldata('industries', 'size_rule', 'name', ${industry})"
    return group(
        "size_group",
        "企业规模",
        "Size",
        work_out("size_rule", f"if(${{industry}} = 'K70', ${{estate_kind}}, {by_industry})"),
        work_out("size_first", rule("first")),
        work_out("size_second", rule("second")),
        work_out("size_a", measure("size_first")),
        work_out("size_b", measure("size_second")),
        work_out("size", f"if({missing}, 'unknown', {steps})", save_to="enterprises#size"),
        ask(
            "select_one size",
            "size_confirm",
            "企业规模(确认)",
            "Size (confirmed)",
            verify=Check(
                "${size} = 'unknown' or . = ${size}",
                "与按划型标准推算的规模不一致,请核实并说明。",
                "This differs from the size by the official thresholds; check and give the reason.",
            ),
        ),
    )


def _property() -> Rows:
    """Intellectual property, and what of it counts: not within a year of buying it, utility models after two years."""
    short_lived = "${ip_kind} = 'utility' or ${ip_kind} = 'design'"
    age = "decimal-date-time(today()) - decimal-date-time"
    counts = (
        f"${{ip_related}} = 'yes' and (${{ip_moved_on}} = '' or {age}(${{ip_moved_on}}) >= 365) and "
        f"not(({short_lived}) and (${{ip_granted_on}} = '' or {age}(${{ip_granted_on}}) <= 730))"
    )
    young = Check(
        f"not({short_lived}) or {age}(.) > 730",
        "实用新型和外观设计授权后维持超过2年才计入Ⅱ类。",
        "Utility models and designs count after two years only.",
    )
    moved = Check(
        f"{age}(.) >= 365", "转让未满1年的知识产权不计入。", "IP acquired less than a year ago does not count."
    )
    return together(
        repeat(
            "ip",
            "知识产权",
            "Intellectual property",
            ask("text", "ip_name", "名称", "Name", required=True),
            ask("select_one ip_class", "ip_class", "类别", "Class", required=True),
            ask("select_one ip_kind", "ip_kind", "类型", "Kind", required=True),
            ask("date", "ip_granted_on", "授权日", "Granted on", check=NOT_FUTURE, advise=young),
            ask("select_one yes_no", "ip_own", "是否自主研发", "Developed by the firm itself?"),
            ask(
                "date",
                "ip_moved_on",
                "转让日(受让取得的填写)",
                "Acquired on (if bought)",
                check=NOT_FUTURE,
                advise=moved,
            ),
            ask("select_one yes_no", "ip_related", "是否与主导产品相关", "Belongs to the main product?", required=True),
            ask("select_one yes_no", "ip_earning", "是否已产生经济效益", "Earning already?"),
            work_out("ip_counts", f"if({counts}, 1, 0)"),
            work_out("ip_is_1", "if(${ip_counts} = 1 and ${ip_class} != 'c2', 1, 0)"),
            work_out("ip_is_1_own", "if(${ip_is_1} = 1 and ${ip_own} = 'yes', 1, 0)"),
            work_out("ip_is_1_high", "if(${ip_counts} = 1 and ${ip_class} = 'c1_high', 1, 0)"),
            work_out("ip_is_2", "if(${ip_counts} = 1 and ${ip_class} = 'c2', 1, 0)"),
        ),
        ask(
            "select_one yes_no",
            "ip_none",
            "企业确认没有知识产权",
            "The firm has no IP",
            check=Check(
                ". != 'yes' or count(${ip}) = 0",
                "已登记知识产权,不能再选“没有”。",
                "IP is written down; “none” cannot be chosen as well.",
            ),
        ),
    )


def _awards() -> Rows:
    recent = f"${{award_year}} >= {THIS_YEAR} - 3"
    near_the_top = (
        "(${award_level} = 'province' and ${award_rank} <= 3) or (${award_level} = 'national' and ${award_rank} <= 5)"
    )
    return together(
        repeat(
            "award",
            "科技奖励",
            "Science awards",
            ask("select_one award_level", "award_level", "级别", "Level", required=True),
            ask(
                "integer",
                "award_year",
                "年度",
                "Year",
                required=True,
                check=Check(
                    f". >= 1990 and . <= {THIS_YEAR}",
                    "年度应在1990年至今年之间。",
                    "The year must lie between 1990 and this year.",
                ),
            ),
            ask("integer", "award_rank", "排名", "Rank", check=Check(". >= 1", "排名从1开始。", "Ranks begin at 1.")),
            work_out("award_is_major", f"if({recent} and ${{award_level}} != 'city', 1, 0)"),
            work_out("award_is_srdi", f"if({recent} and ({near_the_top}), 1, 0)"),
            work_out(
                "award_is_giant", f"if({recent} and ${{award_level}} = 'national' and ${{award_rank}} <= 3, 1, 0)"
            ),
        ),
        ask(
            "select_one yes_no",
            "award_none",
            "企业确认没有科技奖励",
            "The firm has no science award",
            check=Check(
                ". != 'yes' or count(${award}) = 0",
                "已登记奖励,不能再选“没有”。",
                "Awards are written down; “none” cannot be chosen as well.",
            ),
        ),
    )


def _strength() -> Rows:
    return group(
        "strength",
        "创新与质量",
        "Innovation and quality",
        _property(),
        ask("select_one digital_level", "digital_level", "数字化水平测评等级", "Digital level"),
        work_out("digital_known", "if(${digital_level} = 'untested', '', ${digital_level})"),
        ask(
            "select_multiple quality",
            "quality",
            "质量管理",
            "Quality management",
            check=only_alone(
                "none", "“均无”不能与其他选项同时选择。", "“None of these” cannot be chosen together with others."
            ),
        ),
        ask("select_one rd_org", "rd_org", "研发机构级别", "Level of the R&D body"),
        _awards(),
        ask("select_one maker", "maker", "创客中国名次", "Maker China contest"),
        ask(
            "decimal",
            "dev_score",
            "专精特新发展评价得分",
            "Development score",
            unit="分",
            check=PERCENT,
            hint=Said("取自国家平台,本表不计算", "From the national platform; not computed here"),
        ),
    )


def _veto() -> Rows:
    said = {
        "veto_accident": ("近三年发生重大安全、质量、环保事故", "Serious safety, quality or environmental accident"),
        "veto_dishonest": ("列入严重失信名单", "On the serious-dishonesty list"),
        "veto_abnormal": ("列入经营异常名录", "On the abnormal-operation list"),
        "veto_fraud": ("申报材料弄虚作假", "False application papers"),
        "veto_tax": ("偷漏税", "Tax evasion"),
    }
    items = [ask("select_one yes_no", name, *said[name], required=True) for name in criteria.VETO_ITEMS]
    return group("veto", "一票否决核查", "Veto check", items, appearance="table-list")


def _plan() -> Rows:
    planned = "${plan_tier} != '' and ${plan_tier} != 'none'"
    return together(
        group(
            "result",
            "自评结果",
            "Result of the self-assessment",
            ask(
                "note",
                "result_advice",
                "自评结果仅供参考,以主管部门认定为准",
                "Advice only; recognition rests with the authority",
            ),
            criteria.results(),
        ),
        ask("select_one plan_tier", "plan_tier", "计划申报层级", "Planned tier"),
        ask(
            "integer",
            "plan_year",
            "计划申报年份",
            "Planned year",
            required=True,
            relevant=planned,
            check=Check(
                f". >= {THIS_YEAR} and . <= {THIS_YEAR} + 5",
                "计划年份应在今年至五年内。",
                "The planned year lies within five years from now.",
            ),
        ),
        ask("select_multiple help", "help_needed", "希望得到的帮助", "Help wanted"),
        ask(
            "text", "help_other", "其他帮助", "Other help", required=True, relevant="selected(${help_needed}, 'other')"
        ),
    )


CULTIVATION_CENSUS = Questionnaire(
    settings=header(
        "cultivation_census",
        Said("专精特新培育摸底与自评表", "Cultivation census and self-assessment"),
        "企访B表",
        "示例〔2026〕2号",
        Said(
            "本表用于了解企业培育基础、对照认定条件自评,结果仅供参考。",
            "This form asks how far an enterprise is on the ladder of tiers; the result is advice.",
        ),
        name_of_record="concat(${enterprise_label}, ' ', format-date(today(), '%Y'))",
    ),
    survey=together(
        _base_data(),
        _niche(),
        _accounts(),
        _size(),
        _strength(),
        _veto(),
        _plan(),
        saved_to(
            "reports",
            problems(
                "issues",
                work_out("issue_enterprise", "${enterprise}"),
                work_out("issue_enterprise_name", "${enterprise_name}"),
            ),
        ),
    ),
    entities=[
        {"dataset": "enterprises", "entity_id": "${enterprise}", "update_if": "${base_confirmed} = 'yes'"},
        REPORTS,
    ],
    choices=(
        YES_NO,
        URGENCY,
        Choices(
            "estate_kind",
            (
                ("developer", "房地产开发经营", "Development"),
                ("property", "物业管理", "Property management"),
                ("other", "中介及其他", "Agency and other"),
            ),
        ),
        Choices(
            "enterprise_type",
            (
                ("state", "国有及国有控股", "State-owned or state-held"),
                ("private", "民营", "Private"),
                ("foreign", "外资及港澳台资", "Foreign or Hong Kong, Macao, Taiwan"),
                ("mixed", "混合所有", "Mixed"),
                ("other", "其他", "Other"),
            ),
        ),
        Choices("honours", (*HONOURS, ("none", "无", "None"))),
        Choices(
            "product_field",
            (
                ("emerging", "战略性新兴产业", "Strategic emerging industry"),
                ("six_bases", "工业“六基”", "The six industrial bases"),
                ("old_brand", "中华老字号", "Time-honoured brand"),
                ("gap_filling", "补短板锻长板填空白", "Fills a gap in a key chain"),
                ("chain_leader", "服务重点产业链龙头企业", "Serves a leader of a key chain"),
                ("other", "其他", "Other"),
            ),
        ),
        Choices(
            "size",
            (
                ("large", "大型", "Large"),
                ("medium", "中型", "Medium"),
                ("small", "小型", "Small"),
                ("micro", "微型", "Micro"),
            ),
        ),
        Choices(
            "ip_class",
            (("c1", "Ⅰ类", "Class I"), ("c1_high", "Ⅰ类高价值", "Class I, high value"), ("c2", "Ⅱ类", "Class II")),
        ),
        Choices(
            "ip_kind",
            (
                ("invention", "发明专利", "Invention patent"),
                ("plant", "植物新品种/农作物品种", "Plant or crop variety"),
                ("drug", "国家新药/中药保护品种", "New drug or protected TCM"),
                ("chip", "集成电路布图设计", "Chip layout"),
                ("utility", "实用新型", "Utility model"),
                ("design", "外观设计", "Design"),
                ("software", "软件著作权", "Software copyright"),
            ),
        ),
        Choices(
            "digital_level",
            (
                ("untested", "未测评", "Not assessed"),
                ("l1", "一级", "Level 1"),
                ("l2", "二级", "Level 2"),
                ("l3", "三级", "Level 3"),
                ("l4", "四级", "Level 4"),
            ),
        ),
        Choices(
            "quality",
            (
                ("award", "省级以上质量奖", "Quality award of province or above"),
                ("iso9001", "ISO9001等认证", "ISO 9001 or the like"),
                ("brand", "自主品牌", "Own brand"),
                ("standards", "参与制修订标准", "Takes part in standards"),
                ("none", "均无", "None of these"),
            ),
        ),
        Choices(
            "rd_org",
            (
                ("national", "国家级", "National"),
                ("province", "省级", "Provincial"),
                ("city", "市级", "City"),
                ("below", "市级以下", "Below city"),
                ("none", "未建立", "None"),
            ),
        ),
        Choices(
            "award_level",
            (("national", "国家级", "National"), ("province", "省级", "Provincial"), ("city", "市级", "City")),
        ),
        Choices(
            "maker",
            (
                ("none", "无", "None"),
                ("top50", "全国50强", "National top 50"),
                ("top500", "全国500强", "National top 500"),
            ),
        ),
        Choices(
            "plan_tier",
            (
                ("innovative", "科技和创新型中小企业", "Technology or innovative SME"),
                ("srdi", "专精特新中小企业", "SRDI SME"),
                ("giant", "专精特新“小巨人”", "Little giant"),
                ("champion", "单项冠军", "Single champion"),
                ("none", "暂无计划", "No plan yet"),
            ),
        ),
        Choices(
            "help",
            (
                ("policy", "政策服务", "Policy"),
                ("design", "工业设计", "Industrial design"),
                ("finance", "融资服务", "Finance"),
                ("management", "管理咨询", "Management"),
                ("market", "市场开拓", "Market"),
                ("training", "培训", "Training"),
                ("legal", "法律服务", "Legal"),
                ("other", "其他", "Other"),
            ),
        ),
    ),
)
