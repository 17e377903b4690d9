"""A form-encoded request of Open311 as fields that fit, or every reason why not. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from server.enterprises import credit_code
from server.refusals import refusal

FIELDS_MAX = 200
DESCRIPTION_MAX = 4000
"""As the standard has it."""
TEXT_MAX = {
    "address_string": 500, "address_id": 200, "email": 200, "device_id": 200, "account_id": 200, "first_name": 80,
    "last_name": 80, "phone": 60, "media_url": 2000,
}  # fmt: skip
ATTRIBUTE_MAX = {"credit_code": 40, "enterprise_name": 200, "source_number": 100}
_ATTRIBUTE = re.compile(r"attribute\[([A-Za-z0-9_]{1,40})\]\Z")


class Posted(Struct, frozen=True, kw_only=True):
    service_code: str
    description: str
    texts: dict[str, str]
    attributes: dict[str, str]
    lat: float | None
    long: float | None

    @property
    def digest(self) -> str:
        said = [self.service_code, self.description, sorted(self.texts.items()), sorted(self.attributes.items())]
        return hashlib.sha256(repr([*said, self.lat, self.long]).encode()).hexdigest()


def pairs_of(body: bytes) -> dict[str, str]:
    """Raises `open311.form`. A field given twice keeps its last value; an empty one is as if it had not been sent."""
    try:
        given = parse_qsl(body.decode("ascii"), encoding="utf-8", errors="strict", max_num_fields=FIELDS_MAX)
    except (UnicodeDecodeError, ValueError) as error:
        raise refusal("open311.form", reason_zh="不是 UTF-8 的表单", reason=f"not a form in UTF-8 ({error})") from None
    if any("\0" in value for _, value in given):
        raise refusal("open311.form", reason_zh="含有空字符", reason="a text holds a null character")
    return {name: value.strip() for name, value in given if value.strip()}


def read_posted(pairs: dict[str, str]) -> Posted:
    """Raises `open311.form` with everything that is wrong, so that a client mends it at once."""
    wrong: list[tuple[str, str]] = []
    attributes = {found[1]: value for name, value in pairs.items() if (found := _ATTRIBUTE.match(name))}
    for name in ("service_code", "description"):
        if name not in pairs:
            wrong.append((f"缺少 {name}", f"{name} was not provided"))
    limits: dict[str, int] = {**TEXT_MAX, "service_code": 64, "description": DESCRIPTION_MAX}
    for name, limit in limits.items():
        if len(pairs.get(name, "")) > limit:
            wrong.append((f"{name} 最多 {limit} 个字", f"{name} takes at most {limit} characters"))
    for name, value in attributes.items():
        if name not in ATTRIBUTE_MAX:
            wrong.append((f"没有属性 {name}", f"there is no attribute {name}"))
        elif len(value) > ATTRIBUTE_MAX[name]:
            wrong.append(
                (f"{name} 最多 {ATTRIBUTE_MAX[name]} 个字", f"{name} takes at most {ATTRIBUTE_MAX[name]} characters")
            )
    if not {"credit_code", "enterprise_name"} & attributes.keys():
        en = "the place of a request is an enterprise: attribute[credit_code] or attribute[enterprise_name] is needed"
        wrong.append(("事项的地点是企业:请提供 attribute[credit_code] 或 attribute[enterprise_name]", en))
    code = attributes.get("credit_code", "")
    if code and not credit_code.is_valid(credit_code.normalise(code)):
        wrong.append((f"信用代码无效:{code[:40]}", f"not a credit code: {code[:40]}"))
    lat, long = _degrees(pairs, "lat", 90, wrong), _degrees(pairs, "long", 180, wrong)
    if ("lat" in pairs) != ("long" in pairs):
        wrong.append(("lat 与 long 要一起提供", "lat and long come together"))
    if wrong:
        raise refusal(
            "open311.form", reason_zh=";".join(zh for zh, _ in wrong), reason="; ".join(en for _, en in wrong)
        )
    texts = {name: pairs[name] for name in TEXT_MAX if name in pairs}
    return Posted(
        service_code=pairs["service_code"], description=pairs["description"], texts=texts, attributes=attributes,
        lat=lat, long=long,
    )  # fmt: skip


def _degrees(pairs: dict[str, str], name: str, most: int, wrong: list[tuple[str, str]]) -> float | None:
    if name not in pairs:
        return None
    try:
        value = float(pairs[name])
    except ValueError:
        value = float("nan")
    if not -most <= value <= most:
        wrong.append((f"{name} 应为 -{most} 到 {most} 的数", f"{name} is a number from -{most} to {most}"))
        return None
    return value


def names_in(text: Any) -> list[str]:
    """`1,2, 3` → three names."""
    return [name for part in str(text or "").split(",") if (name := part.strip())]
