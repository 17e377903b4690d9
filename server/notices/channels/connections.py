"""What an administrator has to say to connect a channel of each kind. Every one of these is stored encrypted, whole."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from server.notices.channels.templates import check_template
from server.refusals import refusal

Line = Annotated[str, Meta(max_length=500, pattern=r"^[^\r\n\0]*\Z")]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}\Z")]
Address = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s\0]+\Z")]
_WORDS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
MailAddress = Annotated[str, Meta(max_length=254, pattern=rf"^{_WORDS}(\.{_WORDS})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z")]
PORT_MAX = 65535
TEMPLATE_MAX = 20_000
HEADERS_MAX = 20
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}\Z")
_OURS = {"host", "content-length", "transfer-encoding", "connection"}


class Mail(Struct, frozen=True, kw_only=True, tag="mail", tag_field="kind", forbid_unknown_fields=True):
    """An SMTP server. `tls` is TLS from the first byte (usually port 465), `starttls` after a greeting (587)."""

    host: Host
    port: Annotated[int, Meta(ge=1, le=PORT_MAX)] = 465
    security: Literal["tls", "starttls", "none"] = "tls"
    user: Line = ""
    password: Line = ""
    sender: MailAddress


class Webhook(Struct, frozen=True, kw_only=True, tag="webhook", tag_field="kind", forbid_unknown_fields=True):
    """Another system's address. Without a secret one is made and shown once. Without a template the body is ours
    (docs/notices.md); with one it is the template, which must be JSON."""

    address: Address
    secret: Line = ""
    headers: dict[str, Line] = {}
    template: Annotated[str, Meta(max_length=TEMPLATE_MAX)] = ""


class Sms(Struct, frozen=True, kw_only=True, tag="sms", tag_field="kind", forbid_unknown_fields=True):
    """A gateway that takes one message a request. `${to}` is the number. An answer counts as sent when its status is 2xx and,
    where `success_field` (dotted, in a JSON answer) is given, that field holds `success_value`."""

    address: Address
    headers: dict[str, Line] = {}
    body: Literal["json", "form"] = "json"
    template: Annotated[str, Meta(min_length=1, max_length=TEMPLATE_MAX)]
    success_field: Line = ""
    success_value: Line = ""


class Wecom(Struct, frozen=True, kw_only=True, tag="wecom", tag_field="kind", forbid_unknown_fields=True):
    """The address 企业微信 shows for a group's robot; its key is in it."""

    address: Address


class Dingtalk(Struct, frozen=True, kw_only=True, tag="dingtalk", tag_field="kind", forbid_unknown_fields=True):
    """The address 钉钉 shows for a group's robot, and the secret (SEC…) of its setting 加签."""

    address: Address
    secret: Line = ""


class Feishu(Struct, frozen=True, kw_only=True, tag="feishu", tag_field="kind", forbid_unknown_fields=True):
    """The address 飞书 (or Lark) shows for a group's robot, and the secret of its setting 签名校验."""

    address: Address
    secret: Line = ""


Connection = Mail | Webhook | Sms | Wecom | Dingtalk | Feishu
PERSONAL = frozenset({"mail", "sms"})
ROBOTS = frozenset({"wecom", "dingtalk", "feishu"})


def kind_of(connection: Connection) -> str:
    return str(connection.__struct_config__.tag)


def place_of(connection: Connection) -> str:
    """Where it goes, without what only the administrator may know: robots carry their key in the address."""
    if isinstance(connection, Mail):
        return f"{connection.host}:{connection.port}"
    parts = urlsplit(connection.address)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def check_connection(connection: Connection) -> None:
    """Raises `channel.address`, `channel.template`, `channel.headers` for what could never be sent."""
    if isinstance(connection, Mail):
        return
    try:
        parts = urlsplit(connection.address)
        is_whole = bool(parts.hostname) and parts.username is None and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise refusal("channel.address")
    if isinstance(connection, Webhook | Sms):
        _check_headers(connection.headers)
        if connection.template:
            check_template(connection.template, is_json=isinstance(connection, Webhook) or connection.body == "json")


def _check_headers(headers: dict[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER.match(name) or name.lower() in _OURS or not value.isprintable() or not value.isascii():
            raise refusal("channel.headers", name=name[:100], limit=HEADERS_MAX)
    if len(headers) > HEADERS_MAX:
        raise refusal("channel.headers", name="", limit=HEADERS_MAX)
