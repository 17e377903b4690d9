"""List files beside a form (`select_one_from_file`, `pulldata`): CSV, GeoJSON or XML → rows, as `evaluate` takes them."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException


class UnreadableList(ValueError):
    """A list file that is not what its ending says."""


def read_rows(file_name: str, content: bytes) -> list[dict[str, str]]:
    """The rows of a list file as `evaluate` wants them, by column. CSV may be UTF-8 (with or without BOM) or GB18030.

    Raises `UnreadableList`.
    """
    if file_name.endswith(".csv"):
        return _csv_rows(content)
    if file_name.endswith(".geojson"):
        return _geojson_rows(content)
    return _xml_rows(content)


def _csv_rows(content: bytes) -> list[dict[str, str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError as error:
            raise UnreadableList("neither UTF-8 nor GB18030") from error
    try:
        rows = list(csv.reader(StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise UnreadableList(str(error)) from error
    if not rows:
        raise UnreadableList("no header row")
    header = [name.strip() for name in rows[0]]
    return [dict(zip(header, row, strict=False)) for row in rows[1:] if any(row)]


def _geojson_rows(content: bytes) -> list[dict[str, str]]:
    """Features as ODK reads them: properties, `id`, and `geometry` in ODK's own spelling of places."""
    try:
        features = json.loads(content)["features"]
        return [_feature(feature) for feature in features]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableList(f"not a GeoJSON FeatureCollection ({error})") from error


def _feature(feature: dict[str, Any]) -> dict[str, str]:
    properties = {name: _plain(value) for name, value in (feature.get("properties") or {}).items()}
    if "id" in feature:
        properties["id"] = _plain(feature["id"])
    geometry = feature.get("geometry") or {}
    points = _points(geometry.get("type", ""), geometry.get("coordinates", []))
    return properties | {"geometry": "; ".join(f"{lat} {lon} 0 0" for lon, lat in points)}


def _points(kind: str, coordinates: Any) -> list[tuple[float, float]]:
    if kind == "Point":
        return [(coordinates[0], coordinates[1])]
    if kind == "LineString":
        return [(point[0], point[1]) for point in coordinates]
    if kind == "Polygon":
        return [(point[0], point[1]) for point in coordinates[0]]
    return []


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _xml_rows(content: bytes) -> list[dict[str, str]]:
    """`<root><item><name>…</name>…</item></root>`, the shape ODK asks for."""
    try:
        root = ElementTree.fromstring(content, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableList(f"not readable XML ({error})") from error
    return [
        {_local(child.tag): (child.text or "").strip() for child in item} for item in root if _local(item.tag) == "item"
    ]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
