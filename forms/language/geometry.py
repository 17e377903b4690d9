"""Areas, distances and fences on the round Earth, from ODK's place texts: `lat lon [altitude [accuracy]]`, joined by `;`.

The Earth is a ball with the equator's radius, altitude is left out: ODK's own model, so that phone and server agree.
"""

from __future__ import annotations

import math
from itertools import pairwise

from forms.language.values import NAN, to_text

EARTH_RADIUS = 6_378_100.0
"""Metres; the value JavaRosa computes with (GeoUtils)."""
Place = tuple[float, float]


def read_place(text: str) -> Place | None:
    """Latitude and longitude in degrees (WGS-84), None when the text is no place on Earth."""
    parts = text.split()
    if not 2 <= len(parts) <= 4:
        return None
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    latitude, longitude = numbers[0], numbers[1]
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def read_places(text: str) -> list[Place] | None:
    """The corners of a trace or shape; a last `;` without a place behind it is allowed."""
    places: list[Place] = []
    for piece in text.strip().rstrip(";").split(";"):
        place = read_place(piece)
        if place is None:
            return None
        places.append(place)
    return places


def _corners(values: list[object]) -> list[Place] | None:
    texts = [text for text in map(to_text, values) if text.strip()]
    corners: list[Place] = []
    for text in texts:
        places = read_places(text)
        if places is None:
            return None
        corners.extend(places)
    return corners


def distance(values: list[object]) -> float:
    """Metres along the line through all places, in their order."""
    corners = _corners(values)
    if corners is None:
        return NAN
    return sum(_between(a, b) for a, b in pairwise(corners))


def _between(start: Place, end: Place) -> float:
    """By the law of cosines. It loses half a millimetre over short ways, and so does every phone: the haversine formula
    would be better and would not agree."""
    (lat1, lon1), (lat2, lon2) = start, end
    phi1, phi2, turn = math.radians(lat1), math.radians(lat2), math.radians(lon1 - lon2)
    cosine = math.sin(phi1) * math.sin(phi2) + math.cos(phi1) * math.cos(phi2) * math.cos(turn)
    return math.acos(min(1.0, max(-1.0, cosine))) * EARTH_RADIUS


def area(values: list[object]) -> float:
    """Square metres of the polygon, flattened around its first corner; 0 with fewer than three corners."""
    corners = _corners(values)
    if corners is None:
        return NAN
    if len(corners) < 3:
        return 0.0
    metres = 2 * math.pi * EARTH_RADIUS / 360
    lat0, lon0 = corners[0]
    flat = [((lon - lon0) * metres * math.cos(math.radians(lat)), (lat - lat0) * metres) for lat, lon in corners]
    doubled = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(flat, flat[1:] + flat[:1], strict=True))
    return abs(doubled) / 2


def is_inside(point: object, shape: object) -> bool:
    """Whether a geopoint lies in a geoshape: counts the sides a ray to the east crosses."""
    place, corners = read_place(to_text(point)), read_places(to_text(shape))
    if place is None or corners is None or len(corners) < 3:
        return False
    y, x = place
    inside = False
    for (y1, x1), (y2, x2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
