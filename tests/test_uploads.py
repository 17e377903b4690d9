"""Uploads to a real server over real connections: cut at any byte, sent twice at once, by a client nobody here wrote."""

import asyncio
import base64
import hashlib
import os
import random
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.identity import new_id
from tests.clients.node import run_script
from tests.conftest import ON_POSTGRES, POSTGRES, in_maintenance
from tests.crash.house import SETTING_UP, House
from tests.proxy import Proxy

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}
CONTENT = random.Random(19).randbytes(600_000)
MIB = 1024 * 1024
RSS_GROWTH_MAX = 48 * MIB


class Door:
    """The running server as a commissioner's phone and a supervisor's desk reach it."""

    def __init__(self, house: House, phone: str, desk: str) -> None:
        self.house = house
        self.port = house.ports[0]
        self.token = phone
        self.client = httpx.Client(
            base_url=house.addresses[0], headers={"Authorization": f"Bearer {phone}"}, timeout=60
        )
        self.desk = httpx.Client(base_url=house.addresses[0], headers={"Authorization": f"Bearer {desk}"})

    def announce(self, content: bytes, **told: str) -> str:
        told |= {"sha256": hashlib.sha256(content).hexdigest()}
        id = told.setdefault("id", str(new_id()))
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
        headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": metadata}
        answer = self.client.post("/files", headers=headers)
        assert answer.status_code == 201, answer.text
        return f"/files/{id}"

    def offset(self, path: str) -> int:
        answer = self.client.head(path, headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def send(self, path: str, content: bytes, offset: int) -> httpx.Response:
        return self.client.patch(path, content=content, headers={**PART, "Upload-Offset": str(offset)})

    def send_cut(self, path: str, content: bytes, offset: int, sent: int, *, is_reset: bool) -> None:
        """A part of which only so many bytes leave the phone; then the line is gone, politely or not."""
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: qifang\r\nAuthorization: Bearer {self.token}\r\nTus-Resumable: 1.0.0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n"
            f"Content-Length: {len(content) - offset}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.sendall(head.encode() + content[offset : offset + sent])
            if is_reset:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def quiet_offset(self, path: str) -> int:
        """How much there is once the server has noticed that the line is gone: an empty part is taken then."""
        while True:
            asked = self.client.head(path, headers=TUS)
            answer = self.send(path, b"", int(asked.headers.get("upload-offset", "0")))
            if answer.status_code == 204:
                return int(asked.headers["upload-offset"])
            assert answer.status_code in (409, 423), answer.text


@pytest.fixture(scope="module")
def door(tmp_path_factory) -> Iterator[Door]:
    name = f"qifang_uploads_{os.getpid()}"
    if ON_POSTGRES:
        asyncio.run(in_maintenance(f"CREATE DATABASE {name}"))
    url = f"{POSTGRES.rsplit('/', 1)[0]}/{name}" if ON_POSTGRES else ""
    house = House(tmp_path_factory.mktemp("uploads") / "data", url, 1, {"QIFANG_UPLOAD_SILENT_SECONDS": "2"})
    house.folder.mkdir()
    try:
        told = house.run("-c", SETTING_UP.replace("COUNT", "1"))
        house.start_all()
        enrolled = httpx.post(
            f"{house.addresses[0]}/sync/v1/enrol",
            json={"code": told["codes"][0], "incarnation": "q7HwPweVLUzd1EC0ycefqg", "name": "周的手机"},
        )
        made = Door(house, enrolled.json()["token"], told["token"])
        yield made
        made.client.close()
        made.desk.close()
    finally:
        house.kill_all()
        if ON_POSTGRES:
            asyncio.run(in_maintenance(f"DROP DATABASE {name} WITH (FORCE)"))


CUTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=5)


def test_scenario_32_what_arrived_before_a_cut_is_kept_and_only_the_rest_is_sent(door):
    """Of a line that ends politely at least half is asked for: how much the network still delivers is not ours to say."""
    politely = {"sent": 0, "kept": 0}

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(cuts=CUTS, size=st.integers(1, len(CONTENT)))
    def law(cuts: list[tuple[float, bool]], size: int) -> None:
        content = CONTENT[:size]
        path = door.announce(content)
        have = 0
        for share, is_reset in cuts:
            sent = int(share * (size - have))
            door.send_cut(path, content, have, sent, is_reset=is_reset)
            offset = door.quiet_offset(path)
            assert have <= offset <= have + sent
            if not is_reset:
                politely["sent"] += sent
                politely["kept"] += offset - have
            have = offset
        if have < size:
            assert door.send(path, content[have:], have).status_code == 204
        assert door.client.get(f"/v1{path}").content == content

    law()
    assert politely["kept"] >= politely["sent"] / 2 > 0


def test_rule_19_of_parts_sent_at_once_one_is_taken_and_nothing_is_torn(door):
    content = random.Random(7).randbytes(8 * MIB)
    path = door.announce(content)
    with ThreadPoolExecutor(6) as phones:
        answers = list(phones.map(lambda _: door.send(path, content, 0).status_code, range(6)))
    assert answers.count(204) == 1
    assert set(answers) <= {204, 409, 423}
    assert door.client.get(f"/v1{path}").content == content


def test_rule_19_a_phone_out_of_reach_does_not_hold_its_upload_for_ever(door):
    content = CONTENT[:100_000]
    path = door.announce(content)
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: qifang\r\nAuthorization: Bearer {door.token}\r\nTus-Resumable: 1.0.0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", door.port)) as line:
        line.sendall(head.encode() + content[:1000])
        offset = door.quiet_offset(path)  # answered when the server has waited long enough
        assert line.recv(4096).startswith(b"HTTP/1.1 204")
    assert offset == 1000
    assert door.send(path, content[offset:], offset).status_code == 204


def test_scenario_33_tus_js_client_uploads_through_a_line_that_is_cut(door, tmp_path):
    record = str(new_id())
    contents = [random.Random(n).randbytes(size) for n, size in enumerate((1, 150_000, 400_000, 700_000))]
    files = []
    for n, content in enumerate(contents):
        (tmp_path / str(n)).write_bytes(content)
        told = {
            "id": str(new_id()),
            "record": record,
            "name": f"{n}.jpg",
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        files.append({"path": str(tmp_path / str(n)), "metadata": told})

    async def run() -> tuple[Any, int]:
        async with Proxy(door.port, seed=19, cut_after=60_000, refuse=0.1) as line:
            told = {"address": line.address, "token": door.token, "part_bytes": 100_000, "files": files}
            return await run_script("tus.mjs", told, timeout=120), line.cuts

    said, cuts = asyncio.run(run())
    assert cuts > 5
    assert said["addresses"] == [f"/files/{file['metadata']['id']}" for file in files]
    for address, content in zip(said["addresses"], contents, strict=True):
        assert door.client.get(f"/v1{address}").content == content
    states = door.desk.get("/v1/files", params={"record": record}).json()
    assert [state["state"] for state in states] == ["stored"] * len(files), "an announcement was taken twice"


def memory(pid: int, line: str) -> int:
    """`VmRSS` is what a process holds, `VmHWM` the most it ever held."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{line}:")[1].split()[0]) * 1024


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_rule_19_memory_stays_flat_for_500_megabytes(door):
    pieces, piece = 500, random.Random(1).randbytes(MIB)
    whole = hashlib.sha256()
    for _ in range(pieces):
        whole.update(piece)
    id = str(new_id())
    told = ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}"
        for key, value in {"id": id, "sha256": whole.hexdigest()}.items()
    )
    headers = {**TUS, "Upload-Length": str(pieces * MIB), "Upload-Metadata": told}
    assert door.client.post("/files", headers=headers).status_code == 201
    process = door.house.processes[0]
    assert process is not None
    before = memory(process.pid, "VmRSS")
    sent = door.client.patch(
        f"/files/{id}", content=(piece for _ in range(pieces)), headers={**PART, "Upload-Offset": "0"}
    )
    assert sent.status_code == 204, sent.text
    after_sending = memory(process.pid, "VmHWM")
    with door.client.stream("GET", f"/v1/files/{id}") as answer:
        came = hashlib.sha256()
        for chunk in answer.iter_bytes():
            came.update(chunk)
    assert came.hexdigest() == whole.hexdigest()
    after_reading = memory(process.pid, "VmHWM")
    print(
        f"MiB: {before / MIB:.0f} before, {after_sending / MIB:.0f} at most while it came, {after_reading / MIB:.0f} while it went"
    )
    assert after_reading - before < RSS_GROWTH_MAX
