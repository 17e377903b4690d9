"""Pure: the request that says a message in each API's own format, and what its answer means.

Robots and gateways answer 200 for nearly everything; only their JSON says whether the message went out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from server.notices.channels.connections import Connection, Dingtalk, Feishu, Mail, Sms, Webhook, Wecom
from server.notices.channels.templates import fill
from server.notices.senders.message import REFUSED, RETRY, SENT, Message, Verdict

BRIEF, FULL = "brief", "full"
ROBOT_BYTES_MAX = 2000
"""WeCom refuses markdown above 4,096 bytes and text above 2,048; nobody reads more than this in a group anyway."""
SMS_LETTERS_MAX = 300
RATE_WAIT_SECONDS = 60
"""Robots count their limit by the minute (20 messages in WeCom and DingTalk, 100 in Feishu)."""
DINGTALK_WAIT_SECONDS = 600
"""DingTalk silences a robot for ten minutes when it was too fast."""
WECOM_BUSY = {-1, 45009, 45033}
"""System busy; called too often; too many calls at once."""
DINGTALK_BUSY = {-1, 130101, 410100, 430104, 90018}
"""System busy; sent too fast (and its older numbers)."""
FEISHU_BUSY = {9499, 11232, 99991400, 11246}
"""Too many requests; the robot's limit; the platform's limit."""
WEBHOOK_STOPS = {410}
"""The receiver says it is gone for good; everything else may be mended within the days we try."""


class Request(Struct, frozen=True):
    address: str
    headers: dict[str, str]
    body: bytes


def compose(connection: Connection, message: Message, detail: str, at: datetime) -> Request:
    """The request for every kind that speaks HTTP; `at` goes into signatures."""
    match connection:
        case Webhook():
            return _webhook(connection, message, detail, at)
        case Sms():
            return _sms(connection, message, detail)
        case Wecom():
            content = {"content": clip(_marked(message, detail), ROBOT_BYTES_MAX)}
            return _json(connection.address, {"msgtype": "markdown", "markdown": content})
        case Dingtalk():
            text = clip(_marked(message, detail), ROBOT_BYTES_MAX)
            body = {"msgtype": "markdown", "markdown": {"title": message.words.title_zh[:100], "text": text}}
            return _json(signed_dingtalk(connection.address, connection.secret, at), body)
        case Feishu():
            text = clip(_plain(message, detail), ROBOT_BYTES_MAX)
            body = {"msg_type": "text", "content": {"text": text}}
            if connection.secret:
                body |= sign_feishu(connection.secret, at)
            return _json(connection.address, body)
        case Mail():
            raise TypeError("mail does not speak HTTP")


def _json(address: str, body: Any, headers: dict[str, str] | None = None) -> Request:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Request(address, kind | (headers or {}), msgspec.json.encode(body))


def _webhook(connection: Webhook, message: Message, detail: str, at: datetime) -> Request:
    if connection.template:
        body = fill(connection.template, places_of(message, detail), is_json=True).encode()
    else:
        body = msgspec.json.encode(body_of(message, detail))
    headers = {
        **connection.headers,
        "Content-Type": "application/json; charset=utf-8",
        "X-Qifang-Id": str(message.id),
        "X-Qifang-Topic": message.topic,
        "X-Qifang-Signature": sign_webhook(connection.secret, at, body),
    }
    return Request(connection.address, headers, body)


def body_of(message: Message, detail: str) -> dict[str, Any]:
    """Our own webhook body."""
    words = message.words
    body: dict[str, Any] = {
        "id": message.id,
        "topic": message.topic,
        "created_at": message.created_at,
        "bureau": message.bureau,
        "subject": {"kind": message.subject_kind, "id": message.subject},
        "title": {"zh": words.title_zh, "en": words.title_en},
        "link": message.link,
    }
    if detail == FULL:
        body |= {"text": {"zh": words.text_zh, "en": words.text_en}, "facts": words.facts}
    return body


def sign_webhook(secret: str, at: datetime, body: bytes) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 over `<seconds>.<body>`, so that an old request cannot be sent again as new."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def signed_dingtalk(address: str, secret: str, at: datetime) -> str:
    """加签: milliseconds and the secret, signed with the secret, go into the address."""
    if not secret:
        return address
    milliseconds = str(int(at.timestamp() * 1000))
    digest = hmac.new(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256).digest()
    parts = urlsplit(address)
    query = "&".join(
        part for part in (parts.query, urlencode({"timestamp": milliseconds, "sign": base64.b64encode(digest)})) if part
    )
    return urlunsplit(parts._replace(query=query))


def sign_feishu(secret: str, at: datetime) -> dict[str, Any]:
    """签名校验: nothing is signed, with seconds and the secret as the key; both go into the body."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": seconds, "sign": base64.b64encode(digest).decode()}


def _sms(connection: Sms, message: Message, detail: str) -> Request:
    is_json = connection.body == "json"
    places = places_of(message, detail)
    places["text"] = f"{places['title']} {places['text']}".strip()[:SMS_LETTERS_MAX]
    body = fill(connection.template, places, is_json=is_json).encode()
    kind = "application/json; charset=utf-8" if is_json else "application/x-www-form-urlencoded; charset=utf-8"
    return Request(connection.address, {**connection.headers, "Content-Type": kind}, body)


def places_of(message: Message, detail: str) -> dict[str, str]:
    words, is_full = message.words, detail == FULL
    return {
        "id": str(message.id),
        "topic": message.topic,
        "title": words.title_zh,
        "title_en": words.title_en,
        "text": words.text_zh if is_full else "",
        "text_en": words.text_en if is_full else "",
        "time": message.created_at.isoformat(timespec="seconds"),
        "bureau": message.bureau,
        "link": message.link,
        "to": message.to,
    }


def _marked(message: Message, detail: str) -> str:
    """Markdown all three platforms show alike; what people wrote cannot make headings or links of itself."""
    words = message.words
    lines = [f"**{_bare(words.title_zh)}**"]
    if detail == FULL and words.text_zh:
        lines += [f"> {_bare(line)}" for line in words.text_zh.splitlines() if line.strip()]
    if message.link:
        lines.append(f"[打开 Open]({message.link})")
    return "\n\n".join(lines)


def _bare(text: str) -> str:
    """Without the letters markup is made of."""
    return text.translate({ord(letter): " " for letter in "*[]()<>`#_"})


def _plain(message: Message, detail: str) -> str:
    words = message.words
    text = words.text_zh.replace("<at", "<_at") if detail == FULL else ""
    return "\n".join(part for part in (words.title_zh.replace("<at", "<_at"), text, message.link) if part)


def clip(text: str, bytes_max: int) -> str:
    """At most so many bytes of UTF-8, and never half a letter."""
    encoded = text.encode()
    return text if len(encoded) <= bytes_max else encoded[: bytes_max - 3].decode(errors="ignore") + "…"


def judge(connection: Connection, status: int, body: bytes, wait_seconds: int = 0) -> Verdict:
    """What an answer means. `wait_seconds` is what its Retry-After asked for."""
    text = body.decode(errors="replace")
    is_ok = 200 <= status < 300
    match connection:
        case Webhook():
            outcome = SENT if is_ok else REFUSED if status in WEBHOOK_STOPS else RETRY
            return Verdict(outcome, status, text, wait_seconds)
        case Sms() if not connection.success_field:
            return Verdict(SENT if is_ok else _failed(status), status, text, wait_seconds)
        case Sms():
            value = _field(_object(body), connection.success_field)
            is_sent = is_ok and value is not None and str(value) == connection.success_value
            return Verdict(SENT if is_sent else RETRY, status, text, wait_seconds)
        case Wecom():
            code, busy, wait = _object(body).get("errcode"), WECOM_BUSY, RATE_WAIT_SECONDS
        case Dingtalk():
            code, busy, wait = _object(body).get("errcode"), DINGTALK_BUSY, DINGTALK_WAIT_SECONDS
        case _:
            said = _object(body)
            code, busy, wait = said.get("code", said.get("StatusCode")), FEISHU_BUSY, RATE_WAIT_SECONDS
    if is_ok and code == 0:
        return Verdict(SENT, status, text)
    if code in busy or status == 429:
        return Verdict(RETRY, status, text, max(wait, wait_seconds))
    if isinstance(code, int):
        return Verdict(REFUSED, status, text)
    return Verdict(_failed(status), status, text, wait_seconds)


def _failed(status: int) -> str:
    """A client's error stays one however often it is repeated; a server's may pass."""
    return REFUSED if 400 <= status < 500 and status not in (408, 425, 429) else RETRY


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _field(found: Any, dotted: str) -> Any:
    for name in dotted.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
