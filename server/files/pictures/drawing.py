"""The drawing process: `python -m server.files.pictures.drawing PIXELS MEMORY_MIB` makes small pictures, one line each.

Pictures come from outside, and the decoders are large and written in C. So they run in a process of their own, with limits on
memory, on the size of what it writes and on the pixels it decodes, and without our environment. On stdin comes a line of JSON
`{"source": path, "target": path}`, on stdout goes `{"is_made": true}` or `{"is_made": false, "why": "…"}`.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

SIDE = 480
"""Pixels of the longer side of a small picture."""
QUALITY = 80
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "HEIF", "AVIF")
WRITTEN_BYTES_MAX = 16 * 1024 * 1024
MIB = 1024 * 1024


def confine(memory_mib: int) -> None:
    """What this process may use from here on: beyond it, asking fails."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * MIB, memory_mib * MIB))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES_MAX, WRITTEN_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def draw(source: str, target: str, pixels_max: int) -> None:
    """Raises whatever the decoder raises; nothing of the original but its pixels goes into the small picture."""
    from PIL import Image, ImageOps

    with Image.open(source, formats=FORMATS) as opened:
        if opened.width * opened.height > pixels_max:
            raise ValueError(f"{opened.width} x {opened.height} pixels are too many")
        opened.draft("RGB", (SIDE * 2, SIDE * 2))
        upright = ImageOps.exif_transpose(opened)
        upright.thumbnail((SIDE, SIDE))
        small = Image.new("RGB", upright.size, "white")
        seen = upright.convert("RGBA")
        small.paste(seen, mask=seen.getchannel("A"))
        small.save(target, "JPEG", quality=QUALITY, optimize=True)


def main() -> int:
    import pi_heif  # only here: the server itself loads no decoder
    from PIL import Image

    pixels_max, memory_mib = int(sys.argv[1]), int(sys.argv[2])
    Image.init()
    pi_heif.register_heif_opener(thumbnails=False)
    confine(memory_mib)
    for line in sys.stdin:
        asked = json.loads(line)
        answer: dict[str, Any] = {"is_made": True}
        try:
            draw(asked["source"], asked["target"], pixels_max)
        except Exception as error:  # whatever a decoder stumbles over, the next picture has its turn
            answer = {"is_made": False, "why": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(answer), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
