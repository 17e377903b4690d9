"""Answers of Open311 in JSON and XML. The XML is the standard's; the JSON is what its mapping makes of that."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

MEMBERS = {
    "services": "service", "service_requests": "request", "errors": "error", "attributes": "attribute",
    "values": "value", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
"""What stands in a list of that name."""
JSON, XML = "json", "xml"
MEDIA_TYPES = {JSON: "application/json; charset=utf-8", XML: "text/xml"}
"""The charset of a text is added by whoever sends it."""
_UNPRINTABLE = re.compile("[^\t\n\r -\ud7ff\ue000-�\U00010000-\U0010ffff]")


def split_format(named: str, accept: str = "") -> tuple[str, str]:
    """`123.xml` → `123`, xml. Without a suffix the Accept header decides, and JSON where it does not."""
    for format in MEDIA_TYPES:
        if named.endswith(f".{format}"):
            return named.removesuffix(f".{format}"), format
    return named, XML if "xml" in accept and "json" not in accept else JSON


def written(root: str, value: Any, format: str) -> bytes:
    if format == JSON:
        return msgspec.json.encode(value)
    element = Element(root)
    _fill(element, value)
    body: bytes = tostring(element, encoding="utf-8", xml_declaration=True)
    return body


def _fill(element: Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _fill(SubElement(element, name), inner)
    elif isinstance(value, list):
        for inner in value:
            _fill(SubElement(element, MEMBERS[element.tag]), inner)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif isinstance(value, datetime):
        element.text = value.isoformat()
    elif value is not None:
        element.text = _UNPRINTABLE.sub("", str(value))
