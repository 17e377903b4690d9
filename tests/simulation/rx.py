"""A reader that speaks RxDB's HTTP replication and does with pages what RxDB 17 does with them: it stores a checkpoint only with
documents, takes a page that is not full for the last, and lets a document go only when it comes as `_deleted`."""

from typing import Any
from uuid import UUID

import msgspec

from tests.simulation.bodies import JSON
from tests.simulation.door import House


class Stopped(Exception):
    """The server said no to a reader, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Collection:
    """The documents of one kind, and where the next page begins."""

    def __init__(self) -> None:
        self.checkpoint: Any = None
        self.documents: dict[UUID, dict[str, Any]] = {}

    @property
    def live(self) -> dict[UUID, dict[str, Any]]:
        return {id: one for id, one in self.documents.items() if not one["_deleted"]}


class Reader:
    """One app with a device of its own."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.token = ""
        self.collections: dict[str, Collection] = {}
        self.number = 0

    async def enrol(self, code: str) -> None:
        answer = await self._ask("/sync/v1/enrol", {"code": code, "incarnation": "an app on RxDB", "name": ""})
        self.token = answer["token"]

    async def read(self, kind: str, pages: int, limit: int) -> bool:
        """So many pages (0: as many as there are); True when the last one was not full. A checkpoint of another history is
        thrown away with all documents, as the page about RxDB says."""
        left = pages or 10_000
        while left:
            left -= 1
            collection = self.collections.setdefault(kind, Collection())
            try:
                answer = await self._ask(f"/rx/{kind}/pull", {"checkpoint": collection.checkpoint, "limit": limit})
            except Stopped as no:
                if no.code != "resync_required":
                    raise
                self.collections[kind] = Collection()
                continue
            for one in answer["documents"]:
                collection.documents[UUID(one["id"])] = one
            if answer["documents"]:
                collection.checkpoint = answer["checkpoint"]
            if len(answer["documents"]) < limit:
                return True
        return False

    async def _ask(self, address: str, body: Any) -> Any:
        self.number += 1
        headers = {**JSON, "Authorization": f"Bearer {self.token}", "Accept-Encoding": "identity"}
        status, _, content = await self.house.door(self.number, "POST", address, headers, msgspec.json.encode(body))
        answer = msgspec.json.decode(content)
        if status >= 400:
            raise Stopped(answer["code"])
        return answer
