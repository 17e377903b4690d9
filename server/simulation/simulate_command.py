"""`qifang simulate`: load and law at once, against the running server."""

from __future__ import annotations

import sys

import click
import httpx
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from server.console import EXIT_REFUSED, bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.devices.actions import offer_enrolment, take_away
from server.enterprises.tables import EnterpriseAssignment
from server.people.roles import COMMISSIONER
from server.people.tables import Person, RoleGrant
from server.settings import settings
from server.simulation.simulate import Offer, Outcome, Unable, simulate, stored_otherwise
from sync.phone import Offline

WORDS = {
    "phones": "手机 phones",
    "records": "记录 records",
    "photos": "照片 photos",
    "pushes": "上传次数 pushes",
    "applied": "已入库 applied",
    "duplicates": "重复送达 duplicates",
    "cuts": "提交后断线 cuts after commit",
    "lost": "请求丢失 requests lost",
    "seconds": "用时秒 seconds",
    "push_p50_ms": "上传 p50 毫秒 push p50 ms",
    "push_p99_ms": "上传 p99 毫秒 push p99 ms",
}


@click.command("simulate")
@click.option("--phones", default=5, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--minutes", default=1.0, show_default=True, type=click.FloatRange(0.1, 10_000), help="Of the phones' time."
)
@click.option("--seed", default=1, show_default=True)
@bureau_option
@json_option
def simulate_phones(phones: int, minutes: float, seed: int, bureau: str, as_json: bool) -> None:
    """Let phones of existing commissioners work on bad lines, then check that nothing was lost, doubled or changed.

    \b
    The server must be running. The records made are kept, the phones are revoked. Exit code 1 when something is not as it
    should be.
    Example: qifang simulate --phones 20 --minutes 10 --seed 7
    """
    offers = run(lambda: offer_phones(bureau, phones))
    if not offers:
        raise click.ClickException("no commissioner looks after an enterprise yet; begin with `qifang demo`")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=as_json or not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("模拟 simulate", total=len(offers) * minutes * 60)

        async def work() -> Outcome:
            limits = httpx.Limits(max_connections=min(phones, 200))
            async with httpx.AsyncHTTPTransport(limits=limits) as inner:
                outcome, left = await simulate(
                    offers,
                    inner=inner,
                    address=settings.address,
                    minutes=minutes,
                    seed=seed,
                    on_progress=lambda seconds: bar.advance(task, seconds),
                )
            await stored_otherwise(outcome, left.records)
            actor = await console_actor(bureau)
            for device in left.devices:
                await take_away(actor, device)
            return outcome

        try:
            outcome = run(work)
        except Offline:
            raise click.ClickException(f"{settings.address} does not answer; is `qifang serve` running?") from None
        except Unable as unable:
            raise click.ClickException(str(unable)) from None
    _show(outcome, as_json)
    if outcome.violations:
        sys.exit(EXIT_REFUSED)


async def offer_phones(bureau_code: str, phones: int) -> list[Offer]:
    """Codes for phones of the commissioners who look after enterprises, in turn: one of them may carry several."""
    actor = await console_actor(bureau_code)
    held = await RoleGrant.select(RoleGrant.person).where(
        RoleGrant.bureau == actor.bureau, RoleGrant.role == COMMISSIONER, RoleGrant.revoked_at.is_null()
    )
    assigned = await EnterpriseAssignment.in_force(actor.bureau)
    persons = {row["person"] for row in held} & {row.person for row in assigned}
    logins = [
        row.login for row in await Person.of_bureau(actor.bureau) if row.id in persons and row.disabled_at is None
    ]
    offers = []
    for number in range(phones if logins else 0):
        login = logins[number % len(logins)]
        codes = [(await offer_enrolment(actor, login)).code for _ in range(2)]
        offers.append(Offer(login, *codes))
    return offers


def _show(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        print_json(outcome)
        return
    rows = [(words, f"{getattr(outcome, name):g}") for name, words in WORDS.items()]
    print_table("", ["", ""], rows, "")
    if outcome.violations:
        out.print(f"不符 {len(outcome.violations)} 处, 种子 seed {outcome.seed}:", markup=False)
        for violation in outcome.violations:
            out.print(f"  {violation}", markup=False)
    else:
        out.print("没有丢失、重复或改变 / nothing was lost, doubled or changed")
