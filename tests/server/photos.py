"""Photos as phones take them: with a place, a time and an orientation, in the formats phones write."""

import io
from typing import Any

import pillow_heif
from PIL import Image, PngImagePlugin

NORTH, EAST = (28.0, 41.0, 12.5), (115.0, 54.0, 6.25)
XMP = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
    b"xmlns:exif='http://ns.adobe.com/exif/1.0/' xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' "
    b"exif:GPSLatitude='28,41.208N' exif:GPSLongitude=\"115,54.104E\" photoshop:City='Nanchang' exif:ISO='80'>"
    b"<exif:GPSAltitude>171/10</exif:GPSAltitude></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)
FORMATS = ["JPEG", "HEIF", "PNG", "WEBP", "AVIF"]
PLACES = (b"28,41.208N", b"115,54.104E", b"Nanchang", b"171/10")


def picture(width: int = 640, height: int = 400) -> Image.Image:
    """Something with edges and colours, the same each time."""
    made = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    made.paste((200, 30, 40), (width // 8, height // 8, width // 3, height // 2))
    return made


def exif(*, with_place: bool = True, orientation: int = 6, endian: str = "<") -> Image.Exif:
    made = Image.Exif()
    made.endian = endian
    made[0x0112] = orientation
    made[0x0132] = "2026:11:20 10:00:00"
    if with_place:
        made.get_ifd(0x8825).update({0: b"\2\3\0\0", 1: "N", 2: NORTH, 3: "E", 4: EAST, 5: b"\0", 6: 17.1})
    return made


def photo(format: str = "JPEG", *, is_packed: bool = False, xmp: bytes = XMP, **more: Any) -> bytes:
    """`is_packed` compresses the XMP of a PNG; `more` goes to `exif`."""
    pillow_heif.register_heif_opener()
    options: dict[str, Any] = {"exif": exif(**more).tobytes(), "quality": 90}
    if format == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=is_packed)
        options |= {"pnginfo": texts}
    else:
        options |= {"xmp": xmp}
    written = io.BytesIO()
    picture().save(written, format, **options)
    return written.getvalue()


def read(content: bytes) -> Image.Image:
    pillow_heif.register_heif_opener()
    opened = Image.open(io.BytesIO(content))
    opened.load()
    return opened


def gps_of(content: bytes) -> dict[int, Any]:
    """What a reader finds of the place, besides the version of the directory itself."""
    found = read(content).getexif().get_ifd(0x8825)
    return {tag: value for tag, value in found.items() if tag != 0}
