"""What a file is, by its first bytes and not by its name. Pure.

Only types on this list are told to a browser. All else, web pages, SVG and programs among them, is a stream of bytes.
"""

from __future__ import annotations

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"
ZIP = "application/zip"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_BRANDS: dict[bytes, str] = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
}
_RIFFS: dict[bytes, str] = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_OFFICE: tuple[tuple[bytes, str], ...] = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_MP3_FRAMES = (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


def sniff(head: bytes) -> str:
    """The media type of a file that begins so (`HEAD_BYTES` are enough)."""
    for start, media_type in _STARTS:
        if head.startswith(start):
            return media_type
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(b"RIFF"):
        return _RIFFS.get(head[8:12], UNKNOWN)
    if head.startswith(_MP3_FRAMES):
        return "audio/mpeg"
    if head.startswith(b"PK\x03\x04"):
        return _office_or_zip(head)
    return "text/plain" if _is_plain_text(head) else UNKNOWN


def _office_or_zip(head: bytes) -> str:
    if b"[Content_Types].xml" in head or b"_rels/" in head:
        for part, media_type in _OFFICE:
            if part in head:
                return media_type
    return ZIP


def _is_plain_text(head: bytes) -> bool:
    """Text without anything a browser might take for a page or a shell for a script."""
    if not head or b"<" in head or head.startswith(b"#!"):
        return False
    for length in range(len(head), max(len(head) - 4, 0), -1):  # the head may end inside a character
        try:
            text = head[:length].decode()
        except UnicodeDecodeError:
            continue
        return all(sign.isprintable() or sign in "\r\n\t\ufeff" for sign in text)
    return False
