"""Mail by SMTP, to a judged address like everything else that leaves the house."""

from __future__ import annotations

import asyncio
import socket
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from server.notices.channels.connections import Mail
from server.notices.senders.composing import FULL
from server.notices.senders.message import REFUSED, RETRY, SENT, Message, Verdict
from server.notices.senders.reaching import Forbidden, address_of
from server.settings import settings

SUBJECT_MAX = 150


def letter_of(connection: Mail, message: Message, detail: str) -> EmailMessage:
    """The same Message-ID for every try, so that mail programs show one letter."""
    words = message.words
    letter = EmailMessage()
    letter["From"] = Address("企访 Qifang", addr_spec=connection.sender)
    letter["To"] = Address(addr_spec=message.to)
    letter["Subject"] = " ".join(words.title_zh.split())[:SUBJECT_MAX]
    letter["Date"] = format_datetime(message.created_at)
    letter["Message-ID"] = f"<{message.id}@{connection.sender.partition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    texts = (words.text_zh, words.text_en) if detail == FULL else ("", "")
    parts = (words.title_zh, texts[0], words.title_en, texts[1], message.link)
    letter.set_content("\n\n".join(part for part in parts if part) + "\n")
    return letter


async def send_mail(connection: Mail, message: Message, detail: str) -> Verdict:
    """One try. A letter refused for good (5xx) is not tried again; anything else is."""
    try:
        letter = letter_of(connection, message, detail)
    except ValueError as error:
        return Verdict(REFUSED, 0, f"not an address: {error}")
    try:
        async with asyncio.timeout(settings.notice_seconds_max * 3):
            return await _hand_over(connection, letter)
    except Forbidden as error:
        return Verdict(REFUSED, 0, str(error))
    except aiosmtplib.SMTPRecipientsRefused as error:
        first = error.recipients[0]
        return Verdict(_outcome(first.code), first.code, str(first.message))
    except aiosmtplib.SMTPResponseException as error:
        return Verdict(_outcome(error.code), error.code, str(error.message))
    except TimeoutError:
        return Verdict(RETRY, 0, "no answer in time")
    except (OSError, aiosmtplib.SMTPException, UnicodeError) as error:
        return Verdict(RETRY, 0, f"{type(error).__name__}: {error}"[:200])


def _outcome(code: int) -> str:
    """Wrong passwords (535) are mended by an administrator within the hours we try."""
    return REFUSED if 500 <= code < 600 and code not in (530, 535, 538) else RETRY


async def _hand_over(connection: Mail, letter: EmailMessage) -> Verdict:
    address = await address_of(connection.host, connection.port)
    client = aiosmtplib.SMTP(
        hostname=connection.host,  # whose certificate to expect; the socket is ours
        sock=await _connected(address, connection.port),
        use_tls=connection.security == "tls",
        start_tls=False,
        timeout=settings.notice_seconds_max,
    )
    async with client:
        if connection.security == "starttls":
            await client.starttls(server_hostname=connection.host)
        if connection.user:
            await client.login(connection.user, connection.password)
        _, answer = await client.send_message(letter)
    return Verdict(SENT, 250, answer)


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made
