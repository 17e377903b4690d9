"""Keyset pages of any list: whatever the limit and the direction, every row comes once and in order, also rows of one moment."""

from datetime import timedelta

import pytest

from server.feedback.tables import Feedback
from server.moment import now
from server.paging import page_of
from sync.identity import new_id
from sync.refusal import Refusal

pytestmark = pytest.mark.anyio
ORDER = (Feedback.sent_at, Feedback.id)


def rows_of(donghu):
    return Feedback.objects().where(Feedback.bureau == donghu.bureau)


async def some_rows(donghu) -> list[tuple]:
    """Seven rows at three moments."""
    moment = now()
    keys = []
    for n in range(7):
        row = Feedback(id=new_id(), bureau=donghu.bureau, person=donghu.zhou.id, words=str(n), about="")
        row.sent_at = moment + timedelta(microseconds=n % 3)
        await row.save()
        keys.append((row.sent_at, row.id))
    return sorted(keys)


@pytest.mark.parametrize("is_descending", [False, True])
async def test_walking_page_by_page_meets_every_row_once_and_in_order(donghu, is_descending):
    wanted = await some_rows(donghu)
    wanted = wanted[::-1] if is_descending else wanted
    for limit in (1, 2, 3, 6, 7, 8):
        seen, after = [], None
        while True:
            page = await page_of(rows_of(donghu), ORDER, after=after, limit=limit, is_descending=is_descending)
            assert 0 < len(page.items) <= limit
            seen += [(row.sent_at, row.id) for row in page.items]
            after = page.next
            if after is None:
                break
        assert seen == wanted, limit


async def test_a_row_that_comes_meanwhile_shifts_no_page_and_a_strange_mark_is_refused(donghu):
    wanted = await some_rows(donghu)
    first = await page_of(rows_of(donghu), ORDER, after=None, limit=3)
    early = Feedback(id=new_id(), bureau=donghu.bureau, person=donghu.zhou.id, words="x", about="")
    early.sent_at = wanted[0][0] - timedelta(days=1)
    await early.save()
    second = await page_of(rows_of(donghu), ORDER, after=first.next, limit=200)
    assert [row.id for row in (*first.items, *second.items)] == [id for _, id in wanted]
    with pytest.raises(Refusal, match=r"request\.cursor"):
        await page_of(rows_of(donghu), [Feedback.id], after=first.next, limit=3)
