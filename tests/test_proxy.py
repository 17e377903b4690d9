"""The bad line itself: what passes arrives unchanged, and a seed cuts at the same bytes again."""

import asyncio

from tests.proxy import Proxy

PIECE = bytes(range(256)) * 64


async def echoed(proxy: Proxy, sent: bytes) -> bytes:
    """What comes back of `sent` from a server that echoes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(sent)
        writer.write_eof()
        return await reader.read(-1)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sent = b""
    while len(sent) < len(PIECE) and (chunk := await reader.read(4096)):
        sent += chunk
    writer.write(sent)
    writer.close()


async def lengths(seed: int, cut_after: int, times: int) -> tuple[list[int], int]:
    """How much of the piece came back each time, and how many connections were cut."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1], seed=seed, cut_after=cut_after) as line:
        found = []
        for _ in range(times):
            came = await echoed(line, PIECE)
            assert PIECE.startswith(came)
            found.append(len(came))
        return found, line.cuts


def test_a_line_that_is_never_cut_passes_everything():
    assert asyncio.run(lengths(seed=1, cut_after=0, times=3)) == ([len(PIECE)] * 3, 0)


def test_a_seed_cuts_at_the_same_bytes_again():
    found, cuts = asyncio.run(lengths(seed=3, cut_after=len(PIECE), times=20))
    assert 0 < cuts <= 20
    assert any(0 < length < len(PIECE) for length in found), "no answer was cut in the middle"
    assert len(PIECE) in found
    assert asyncio.run(lengths(seed=3, cut_after=len(PIECE), times=20)) == (found, cuts)
    assert asyncio.run(lengths(seed=4, cut_after=len(PIECE), times=20))[0] != found


def test_after_healing_nothing_is_cut():
    async def run() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, Proxy(server.sockets[0].getsockname()[1], seed=1, refuse=1.0) as line:
            assert await echoed(line, PIECE) == b""
            line.heal()
            assert await echoed(line, PIECE) == PIECE

    asyncio.run(run())
