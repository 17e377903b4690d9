"""The only place from which HTTP leaves the house for a notice: to public addresses alone, without redirects, in bounded time.

The name is looked up once, every address it has is judged, and the connection goes to one that was judged: a name that
answers differently a moment later reaches nothing inside.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from server.notices.channels.connections import Connection, Mail
from server.notices.senders.composing import Request, judge
from server.notices.senders.message import REFUSED, RETRY, Verdict
from server.settings import settings

ANSWER_BYTES_MAX = 16 * 1024
WAIT_SECONDS_MAX = 24 * 3600
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class Forbidden(Exception):
    """The target lies inside a network nobody has allowed."""


async def address_of(host: str, port: int) -> str:
    """A judged address of this host. Raises `Forbidden` when any of its addresses is not public and not in
    `QIFANG_NOTICE_NETWORKS`, OSError when it has none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_allowed(address):
            raise Forbidden(f"{host} is not a public address; see QIFANG_NOTICE_NETWORKS")
    return min(addresses, key=lambda address: ":" in address)  # IPv4 first: many offices announce IPv6 and lack it


def is_allowed(address: str) -> bool:
    """Public, or in a network the operator has named. An IPv4 address in IPv6 clothes counts as what it is."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or _translated(ip) or ip
    if any(ip in network for network in settings.allowed_networks):
        return True
    is_public = ip.is_global and not ip.is_multicast and not ip.is_reserved
    return is_public and not (ip.version == 6 and ip.is_site_local)


def _translated(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """What a gateway of the house (NAT64) makes of it. All but the well-known range are not public anyway."""
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in TRANSLATED else None


async def post(connection: Connection, request: Request) -> Verdict:
    """One try. Whatever goes wrong on the way is a verdict, never an exception."""
    assert not isinstance(connection, Mail)
    try:
        async with asyncio.timeout(settings.notice_seconds_max):
            status, body, wait = await _exchange(request)
    except Forbidden as error:
        return Verdict(REFUSED, 0, str(error))
    except TimeoutError:
        return Verdict(RETRY, 0, f"no answer within {settings.notice_seconds_max} s")
    except (OSError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return Verdict(RETRY, 0, f"{type(error).__name__}: {error}"[:200])
    return judge(connection, status, body, wait)


async def _exchange(request: Request) -> tuple[int, bytes, int]:
    url = httpx.URL(request.address)
    parts = urlsplit(request.address)
    port = parts.port or (443 if url.scheme == "https" else 80)
    address = await address_of(url.host, port)
    pinned = url.copy_with(host=address)
    headers = {**request.headers, "Host": url.netloc.decode(), "User-Agent": "qifang", "Accept-Encoding": "identity"}
    async with (
        httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=settings.notice_seconds_max) as client,
        client.stream(
            "POST", pinned, content=request.body, headers=headers, extensions={"sni_hostname": url.host}
        ) as response,
    ):
        body = b""
        async for piece in response.aiter_raw(ANSWER_BYTES_MAX):
            body += piece
            if len(body) >= ANSWER_BYTES_MAX:
                break
        return response.status_code, body[:ANSWER_BYTES_MAX], _seconds(response.headers.get("Retry-After", ""))


def _seconds(retry_after: str) -> int:
    return min(int(retry_after), WAIT_SECONDS_MAX) if retry_after.isascii() and retry_after.isdigit() else 0
