"""`qifang device …`."""

from __future__ import annotations

from uuid import UUID

import click
import qrcode

from server.console import bureau_option, console_actor, json_option, out, print_json, print_table, run
from server.devices.actions import Enrolment, list_phones, offer_enrolment, take_away
from server.moment import now
from sync.devices import Device


@click.group()
def device() -> None:
    """Phones: enrol, list, revoke."""


@device.command("enrol")
@click.argument("login")
@click.option("--code", "code_only", is_flag=True, help="Print the code alone, for scripts.")
@bureau_option
@json_option
def enrol(login: str, code_only: bool, bureau: str, as_json: bool) -> None:
    """Print a one-time code and its QR for a person's phone.

    \b
    Example: qifang device enrol zhou
    """

    async def work() -> Enrolment:
        return await offer_enrolment(await console_actor(bureau), login)

    offer = run(work)
    if as_json or code_only:
        print_json(offer) if as_json else click.echo(offer.code)
        return
    picture = qrcode.QRCode(border=2)
    picture.add_data(offer.link)
    picture.print_ascii(invert=True)
    out.print(
        f"{offer.link}\ncode {offer.code}   for {offer.login}   until {offer.expires_at.isoformat(timespec='minutes')}"
    )


@device.command("list")
@bureau_option
@json_option
def list_all(bureau: str, as_json: bool) -> None:
    """Show enrolled phones.

    \b
    Example: qifang device list --json
    """

    async def work() -> list[Device]:
        return await list_phones(await console_actor(bureau))

    devices = run(work)
    if as_json:
        print_json(devices)
        return
    rows = [(one.id, one.name, one.have_n, one.last_pull_at, _remark(one)) for one in devices]
    print_table(
        "", ["device", "name", "operations", "last pull", "state"], rows, "No phones yet: qifang device enrol LOGIN"
    )


def _remark(one: Device) -> str:
    lost = f"work lost until {one.lost_until:%Y-%m-%d %H:%M}" if one.lost_until else ""
    return ", ".join(filter(None, [_state_of(one), lost]))


def _state_of(one: Device) -> str:
    if one.revoked_at is None and one.suspended_at is None:
        return ""
    state = "revoked" if one.revoked_at else "suspended"
    salvaged = one.salvage_until is not None and one.salvage_until > now()
    return f"{state}, salvage until {one.salvage_until:%Y-%m-%d}" if salvaged else state


@device.command("revoke")
@click.argument("device_id", type=click.UUID)
@click.option(
    "--salvage-days", type=int, help="Days in which it may still hand in its work, into quarantine; 0 if it was stolen."
)
@bureau_option
def revoke(device_id: UUID, salvage_days: int | None, bureau: str) -> None:
    """Take a lost phone's access away; it is told to wipe itself.

    \b
    Example: qifang device revoke 0192f0c1-…
    """

    async def work() -> int:
        return await take_away(await console_actor(bureau), device_id, salvage_days)

    out.print(f"{run(work)} device(s) revoked")
