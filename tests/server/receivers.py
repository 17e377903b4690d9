"""Servers at the other end: they speak what WeCom, DingTalk, Feishu, gateways and mail servers document, and check signatures by
themselves, from the platforms' own samples and not with the product's code."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

Answer = tuple[int, dict[str, str], bytes]


class Request:
    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = urlsplit(path).path
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # many workers knock at once


class Receiver:
    """An HTTP server on a port of its own. `answer` decides; what came is kept in `got`."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        self.got: list[Request] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.path, dict(self.headers), body)
                receiver.got.append(request)
                status, headers, content = receiver.answer(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def receiving(answer: Callable[[Request], Answer]) -> Iterator[Receiver]:
    receiver = Receiver(answer)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def said(value: Any, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


def wecom(key: str) -> Callable[[Request], Answer]:
    """https://developer.work.weixin.qq.com/document/path/91770"""

    def answer(request: Request) -> Answer:
        if request.path != "/cgi-bin/webhook/send" or request.query.get("key") != key:
            return said({"errcode": 93000, "errmsg": "invalid webhook url"})
        body = request.json
        content = body.get(body.get("msgtype"), {}).get("content", "")
        if body.get("msgtype") not in ("markdown", "text") or not 0 < len(content.encode()) <= 4096:
            return said({"errcode": 40008, "errmsg": "invalid message type"})
        return said({"errcode": 0, "errmsg": "ok"})

    return answer


def dingtalk(token: str, secret: str, now_ms: Callable[[], float]) -> Callable[[Request], Answer]:
    """https://open.dingtalk.com/document/robots/custom-robot-access: the time within an hour, the signature in the address."""

    def answer(request: Request) -> Answer:
        if request.path != "/robot/send" or request.query.get("access_token") != token:
            return said({"errcode": 300001, "errmsg": "token is not exist"})
        timestamp = request.query.get("timestamp", "0")
        string_to_sign = f"{timestamp}\n{secret}"
        signed = hmac.new(secret.encode("utf-8"), string_to_sign.encode("utf-8"), digestmod=hashlib.sha256).digest()
        if abs(int(timestamp) - now_ms()) > 3600_000:
            return said({"errcode": 310000, "errmsg": "invalid timestamp"})
        if request.query.get("sign") != base64.b64encode(signed).decode():
            return said({"errcode": 310000, "errmsg": "sign not match"})
        body = request.json
        if body["msgtype"] != "markdown" or not body["markdown"]["title"] or not body["markdown"]["text"]:
            return said({"errcode": 40035, "errmsg": "缺少参数 json"})
        return said({"errcode": 0, "errmsg": "ok"})

    return answer


def feishu(hook: str, secret: str, now_s: Callable[[], float]) -> Callable[[Request], Answer]:
    """https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot: the signature in the body."""

    def answer(request: Request) -> Answer:
        if request.path != f"/open-apis/bot/v2/hook/{hook}":
            return said({"code": 19001, "msg": "param invalid: incoming webhook access token invalid"})
        body = request.json
        key = "{}\n{}".format(body.get("timestamp"), secret)
        code = hmac.new(key.encode("utf-8"), digestmod=hashlib.sha256).digest()
        if abs(int(body.get("timestamp", 0)) - now_s()) > 3600 or body.get("sign") != base64.b64encode(code).decode():
            return said({"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"})
        if body["msg_type"] != "text" or not body["content"]["text"]:
            return said({"code": 9499, "msg": "Bad Request", "data": {}})
        return said({"code": 0, "msg": "success", "data": {}})

    return answer


def is_signed(request: Request, secret: str) -> bool:
    """As docs/notices.md tells receivers of our webhooks to check."""
    parts = dict(part.split("=", 1) for part in request.headers["X-Qifang-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])


class Mailbox:
    """A mail server that wants a password, and refuses whom it is told to."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.refused: dict[str, str | bytes] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 Message accepted for delivery"


class _Controller(Controller):
    """Asks for the port it was really given."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(user: str = "qifang", password: str = "mail-secret") -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        is_right = (given.login.decode(), given.password.decode()) == (user, password)
        return AuthResult(success=is_right, handled=False)  # the server itself says 535

    controller = _Controller(
        mailbox, hostname="127.0.0.1", port=0, authenticator=check, auth_required=True, auth_require_tls=False
    )
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()
