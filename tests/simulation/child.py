"""`python -m tests.simulation.child NUMBER URL SOCKET [BREAKING]`: one of the server's processes in a simulation. It answers at
a local socket what it is asked at the time it is told, until its standard input ends."""

import asyncio
import logging
import sys
import traceback

import msgspec

from sync import configuration
from sync.database.engine import make_engine
from sync.transaction import use_engine
from tests.simulation import broken, news
from tests.simulation.door import CLOCK, SECRET, forget_all, perform
from tests.simulation.gate import Holding
from tests.simulation.processes import Ask, Broke, Forget, Hold, Hush, LetGo, Question, Told, Work
from tests.simulation.world import Registry


class Child:
    """One process: its number among the doors, and a writer that is held in the middle of its commit."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.holding: Holding | None = None

    async def serve(self, url: str, path: str) -> None:
        engine = use_engine(make_engine(url))
        configuration.configure(secret=SECRET, now=lambda: CLOCK.now)
        Registry().take()
        await engine.start()
        server = await asyncio.start_unix_server(self.converse, path)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close()
        await news.hang_up()
        await engine.close()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = msgspec.msgpack.decode(await reader.read(), type=Question)
        writer.write(msgspec.msgpack.encode(await self.reply(question)))
        await writer.drain()
        writer.close()

    async def reply(self, question: Question) -> Told | Broke:
        try:
            return Told(*await self._reply(question))
        except Exception:
            return Broke(traceback.format_exc())

    async def _reply(self, question: Question) -> tuple[int, dict[str, str], bytes]:
        if isinstance(question, Ask | Work):
            CLOCK.now = question.now
            return await perform(self.number, question)
        if isinstance(question, Hold):
            CLOCK.now = question.what.now
            self.holding = Holding(perform(self.number, question.what))
            await self.holding.begin()
        elif isinstance(question, LetGo):
            assert self.holding is not None
            return await self.holding.end()
        elif isinstance(question, Hush):
            news.hush(question.bureau)
        elif isinstance(question, Forget):
            await forget_all()
        return 200, {}, b""


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # handlers break on purpose
    if sys.argv[4:] and sys.argv[4]:
        broken.BREAK[sys.argv[4]]()
    asyncio.run(Child(int(sys.argv[1])).serve(*sys.argv[2:4]))
