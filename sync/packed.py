"""MessagePack as the same JSON, both ways: behind the door everything is JSON, so one operation has one content and one hash.

Only what JSON can say is read: no binary, no extensions (so no timestamps), no NaN or infinity, texts as keys.
"""

import math
import re
from typing import Any

import msgspec

_HALF_A_PAIR = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_decoder = msgspec.msgpack.Decoder()
_LENGTHS = {
    **dict.fromkeys((0xC0, 0xC2, 0xC3), 1),
    **dict.fromkeys((0xCC, 0xD0), 2),
    **dict.fromkeys((0xCD, 0xD1, 0xDC, 0xDE), 3),
    **dict.fromkeys((0xCA, 0xCE, 0xD2, 0xDD, 0xDF), 5),
    **dict.fromkeys((0xCB, 0xCF, 0xD3), 9),
}
"""Bytes taken by numbers, constants and the heads of arrays and maps."""
_TEXT_HEADS = {0xD9: 1, 0xDA: 2, 0xDB: 4}


def json_of(packed: bytes) -> bytes:
    """Raises ValueError with the reason for what is no MessagePack, or says what JSON cannot."""
    try:
        value = _decoder.decode(packed)
    except UnicodeDecodeError:
        try:
            value = _decoder.decode(_mended(packed))
        except UnicodeDecodeError as error:
            raise ValueError(f"a text is not UTF-8: {error.reason}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    _must_be_json(value)
    return msgspec.json.encode(value)


def packed_of(content: Any) -> bytes | None:
    """The MessagePack of what would be sent as JSON; None when it holds a number MessagePack has no room for."""
    try:
        return msgspec.msgpack.encode(msgspec.json.decode(msgspec.json.encode(content)))
    except OverflowError:
        return None


def _must_be_json(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is dict:
            for key in one:
                if type(key) is not str:
                    raise ValueError("a key is not a text")
            waiting.extend(one.values())
        elif type(one) is list:
            waiting.extend(one)
        elif type(one) is float:
            if not math.isfinite(one):
                raise ValueError("a number is not finite")
        elif one is not None and type(one) not in (str, int, bool):
            raise ValueError("binary and extension types cannot be read")


def _mended(packed: bytes) -> bytes:
    """Half a character, which JavaScript packs as three bytes that are no UTF-8, becomes U+FFFD, which has as many. Only inside
    texts: the same bytes may stand in a number."""
    mended, place = bytearray(packed), 0
    while place < len(packed):
        head = packed[place]
        if 0xA0 <= head <= 0xBF or head in _TEXT_HEADS:
            width = _TEXT_HEADS.get(head, 0)
            start = place + 1 + width
            length = int.from_bytes(packed[place + 1 : start]) if width else head & 0x1F
            place = start + length
            mended[start:place] = _HALF_A_PAIR.sub(b"\xef\xbf\xbd", packed[start:place])
        elif head <= 0x9F or head >= 0xE0:
            place += 1
        elif head in _LENGTHS:
            place += _LENGTHS[head]
        else:
            break  # binary or an extension: refused anyway
    return bytes(mended)
