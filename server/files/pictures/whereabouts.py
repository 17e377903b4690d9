"""Takes the place out of a photo, in the file itself: bytes are blanked, none moves, so every pixel stays as it was. Pure.

Phones write the place as a GPS directory of Exif (CIPA DC-008 §4.6.6), which is TIFF in whatever wrapping: JPEG, PNG, WebP,
HEIC, AVIF, also the second picture of a depth photo; as properties of XMP; and, for the short film of a moving photo, as an
ISO 6709 text. No maintained library takes it out of all of these without writing the picture anew; that nothing of it can be
read afterwards, and that the pixels are the same, is tested with libraries that do read them.
"""

from __future__ import annotations

import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif", "image/tiff"})
"""Media types in which the place is looked for."""
_BYTE_ORDERS = ((b"II*\0", "<"), (b"MM\0*", ">"))
_GPS_DIRECTORY = 0x8825
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""TIFF field type → bytes of one value."""
_ENTRIES_MAX, _GPS_TAG_MAX = 512, 0x1F
_NAMES = rb"(?:GPS\w*|Location\w*|Sublocation|City|State|ProvinceState|Country\w*)"
_ATTRIBUTE = re.compile(rb"[\w-]+:" + _NAMES + rb"\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ELEMENT = re.compile(rb"<[\w-]+:(" + _NAMES + rb")(?:\s[^>]*)?>(.*?)</[\w-]+:\1\s*>", re.DOTALL)
_TEXT = re.compile(rb">([^<>]+)<")
_ISO6709 = re.compile(rb"[+-]\d{2,6}(?:\.\d+)?[+-]\d{3,7}(?:\.\d+)?(?:[+-]\d+(?:\.\d+)?)?(?:CRS[\w:]+)?/")
_FILM_MARKS = (b"\xa9xyz", b"location.ISO6709")
_PNG = b"\x89PNG\r\n\x1a\n"


def take_place_out(path: Path) -> bool:
    """Edits the file; True when something was there to blank."""
    if path.stat().st_size == 0:
        return False
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        found = [_blank_exif(data), _blank_xmp(data), _blank_film(data)]
        if data[:8] == _PNG:
            found.append(_blank_packed_chunks(data))
            _sign_chunks(data)
        data.flush()
    return any(found)


def _places_of(data: mmap.mmap, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)


def _fill(data: mmap.mmap, start: int, end: int, byte: bytes = b"\0") -> None:
    data[start:end] = byte * (end - start)


def _blank_exif(data: mmap.mmap) -> bool:
    """Wherever something reads as TIFF with a GPS directory; four bytes that only look like its start lead nowhere."""
    found = False
    for start, order in _BYTE_ORDERS:
        for base in _places_of(data, start):
            for directory in _gps_directories(data, base, order):
                found = _blank_directory(data, base, directory, order) or found
    return found


def _entries(data: mmap.mmap, at: int, order: str) -> list[tuple[int, int, int, int]]:
    """(tag, type, count, where the entry stands); empty when this is no directory."""
    if at + 2 > len(data):
        return []
    (count,) = struct.unpack_from(f"{order}H", data, at)
    if not 0 < count <= _ENTRIES_MAX or at + 2 + count * 12 > len(data):
        return []
    places = [at + 2 + n * 12 for n in range(count)]
    found = [(*struct.unpack_from(f"{order}HHL", data, place), place) for place in places]
    return found if all(kind in _SIZES for _, kind, _, _ in found) else []


def _gps_directories(data: mmap.mmap, base: int, order: str) -> Iterator[int]:
    if base + 8 > len(data):
        return
    (first,) = struct.unpack_from(f"{order}L", data, base + 4)
    for tag, _, count, place in _entries(data, base + first, order) if first >= 8 else []:
        if tag == _GPS_DIRECTORY and count == 1:
            yield base + struct.unpack_from(f"{order}L", data, place + 8)[0]


def _blank_directory(data: mmap.mmap, base: int, at: int, order: str) -> bool:
    """What is left is a directory with its version only: some readers stumble over an empty one."""
    entries = _entries(data, at, order)
    if not entries or any(tag > _GPS_TAG_MAX for tag, *_ in entries) or [entry[0] for entry in entries] == [0]:
        return False
    for _, kind, count, place in entries:
        size = _SIZES[kind] * count
        if size > 4:
            start = base + struct.unpack_from(f"{order}L", data, place + 8)[0]
            if start + size <= len(data):
                _fill(data, start, start + size)
    _fill(data, at, at + 2 + len(entries) * 12)
    struct.pack_into(f"{order}HHHL4B", data, at, 1, 0, 1, 4, 2, 3, 0, 0)
    return True


def _blank_xmp(data: mmap.mmap) -> bool:
    found = False
    for start in _places_of(data, b"<x:xmpmeta"):
        end = data.find(b"</x:xmpmeta", start)
        packet = data[start : end if end >= 0 else min(start + 65536, len(data))]
        blanked = _ELEMENT.sub(lambda hit: _spaced(hit, 2, inner=True), packet)
        blanked = _ATTRIBUTE.sub(lambda hit: _spaced(hit, 1 if hit[1] is not None else 2), blanked)
        if blanked != packet:
            data[start : start + len(packet)] = blanked
            found = True
    return found


def _spaced(hit: re.Match[bytes], group: int, *, inner: bool = False) -> bytes:
    """The match with one of its groups turned into spaces; with `inner`, tags inside the group stay."""
    start, end = hit.start(group) - hit.start(), hit.end(group) - hit.start()
    value = hit[group]
    if inner and b"<" in value:
        spaced = _TEXT.sub(lambda text: b">" + b" " * len(text[1]) + b"<", value)
        spaced = _ATTRIBUTE.sub(lambda one: _spaced(one, 1 if one[1] is not None else 2), spaced)
    else:
        spaced = b" " * len(value)
    return hit[0][:start] + spaced + hit[0][end:]


def _blank_film(data: mmap.mmap) -> bool:
    """The text keeps its form: nought north, nought east."""
    found = False
    for mark in _FILM_MARKS:
        for _ in _places_of(data, mark):
            for hit in _ISO6709.finditer(data):
                start, end = hit.span()
                blanked = re.sub(rb"\d", b"0", hit[0])
                found = found or blanked != hit[0]
                data[start:end] = blanked
            break
    return found


def _chunks(data: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """(type, where its data begin, where they end) of each chunk of a PNG."""
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">L", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return
        yield data[at + 4 : at + 8], at + 8, end
        at = end + 4


def _blank_packed_chunks(data: mmap.mmap) -> bool:
    """XMP and Exif that a PNG carries compressed, or as hexadecimal text, cannot be blanked inside: the chunk goes as a whole."""
    found = False
    for kind, start, end in _chunks(data):
        keyword, _, rest = data[start : min(end, start + 90)].partition(b"\0")
        packed_xmp = kind == b"iTXt" and keyword == b"XML:com.adobe.xmp" and rest[:1] == b"\1"
        profile = kind in (b"zTXt", b"tEXt", b"iTXt") and keyword.startswith(b"Raw profile type ")
        if (packed_xmp or profile) and end - start >= 8:
            data[start - 4 : start] = b"tEXt"
            data[start : start + 8] = b"Comment\0"
            _fill(data, start + 8, end, b" ")
            found = True
    return found


def _sign_chunks(data: mmap.mmap) -> None:
    """The checksums of the chunks that may have been written to."""
    for kind, start, end in _chunks(data):
        if kind in (b"eXIf", b"iTXt", b"tEXt", b"zTXt"):
            struct.pack_into(">L", data, end, zlib.crc32(data[start - 4 : end]))
