"""`python -m tests.simulation.child URL SOCKET [BREAKING]`: one of the server's processes in a simulation. It answers at a
local socket what it is asked at the time it is told, until its standard input ends."""

import asyncio
import logging
import sys
import traceback

import msgspec

from sync import configuration, digest
from sync.database.engine import make_engine
from sync.transaction import use_engine
from tests.simulation import broken
from tests.simulation.door import CLOCK, SECRET, answer
from tests.simulation.processes import Ask, Broke, Forget, Told
from tests.simulation.world import Registry


async def serve(url: str, path: str) -> None:
    engine = use_engine(make_engine(url))
    configuration.configure(secret=SECRET, now=lambda: CLOCK.now)
    Registry().take()
    await engine.start()
    server = await asyncio.start_unix_server(converse, path)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    await engine.close()


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    question = msgspec.msgpack.decode(await reader.read(), type=Ask | Forget)
    writer.write(msgspec.msgpack.encode(await reply(question)))
    await writer.drain()
    writer.close()


async def reply(question: Ask | Forget) -> Told | Broke:
    if isinstance(question, Forget):
        digest._remembered.clear()
        return Told()
    CLOCK.now = question.now
    try:
        return Told(*await answer(question.method, question.address, question.headers, question.body))
    except Exception:
        return Broke(traceback.format_exc())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # handlers break on purpose
    if sys.argv[3:] and sys.argv[3]:
        broken.BREAK[sys.argv[3]]()
    asyncio.run(serve(*sys.argv[1:3]))
