"""A bad line: a TCP proxy that cuts connections at random bytes, in either direction, and makes what passes wait.

    async with Proxy(server_port, seed=7, cut_after=4000) as line:
        …  # talk to line.address
        line.heal()  # from here on nothing is cut any more

Where a connection is cut depends only on the seed and on how many came before it: a failing run can be run again. The
bytes before the cut arrive. So a server may have done what it was asked for, and its answer never comes.
"""

import asyncio
import random
from typing import Any

CHUNK = 16 * 1024


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes everything on to `target_port`.

    `cut_after` is the mean number of bytes, both directions counted each for itself, after which a connection is cut; 0
    never cuts. `refuse` is the share of connections closed at once. `delay_max` is the longest wait of a chunk, in seconds.
    """

    def __init__(
        self, target_port: int, *, seed: int, cut_after: int = 0, refuse: float = 0.0, delay_max: float = 0.0
    ) -> None:
        self.target_port = target_port
        self.seed = seed
        self.cut_after = cut_after
        self.refuse = refuse
        self.delay_max = delay_max
        self.connections = 0
        self.cuts = 0
        """How many connections were refused or cut."""
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None, "the proxy is not started"
        return self._server.sockets[0].getsockname()[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def heal(self) -> None:
        """From here on everything passes at once, also on connections that are open."""
        self.cut_after, self.refuse, self.delay_max = 0, 0.0, 0.0

    async def cut_all(self) -> None:
        """Cut every connection that is open."""
        doomed = list(self._open)
        self.cuts += len(doomed)
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: Any) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut_all()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        chance = random.Random(f"{self.seed}:{self.connections}")
        try:
            if chance.random() < self.refuse:
                self.cuts += 1
            else:
                await self._carry(reader, writer, chance)
        except (OSError, asyncio.CancelledError):
            pass  # one of the two ends is gone, or the test cut everything
        finally:
            self._open.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
        ways = {
            asyncio.ensure_future(self._pass(reader, back, random.Random(chance.random()))),
            asyncio.ensure_future(self._pass(there, writer, random.Random(chance.random()))),
        }
        try:
            while ways:  # one end may be done with talking and still listen
                done, ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                if any(way.exception() or way.result() for way in done):
                    break
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, chance: random.Random) -> bool:
        """Until the source ends (False), or until this way's share of bytes has passed (True)."""
        share = chance.expovariate(1)
        passed = 0
        while chunk := await source.read(CHUNK):
            if self.delay_max:
                await asyncio.sleep(chance.random() * self.delay_max)
            left = int(share * self.cut_after) - passed if self.cut_after else len(chunk)
            sink.write(chunk[: max(left, 0)])
            await sink.drain()
            passed += len(chunk)
            if len(chunk) > left:
                self.cuts += 1
                return True
        sink.write_eof()
        return False
