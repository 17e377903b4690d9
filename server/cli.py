"""`qifang`: the console. Each concept brings its own commands; this table lists them, and only the one asked for is loaded."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "init": "server.people.commands:init",
    "migrate": "server.serving:migrate",
    "serve": "server.serving:serve",
    "demo": "server.demo.commands:demo",
    "unit": "server.people.commands:unit",
    "person": "server.people.commands:person",
    "account": "server.accounts.commands:account",
    "device": "server.devices.commands:device",
    "enterprise": "server.enterprises.commands:enterprise",
    "form": "server.questionnaires.commands:form",
    "routing": "server.routing.commands:routing",
    "post": "server.routing.posts.commands:post",
    "absence": "server.routing.posts.commands:absence",
    "duty": "server.issues.duty.commands:duty",
    "policy": "server.issues.policies.commands:policy",
    "issue": "server.issues.commands:issue",
    "order": "server.orders.commands:order",
    "calendar": "server.issues.redating.commands:calendar",
    "machine": "server.issues.machine.commands:machine",
    "list": "server.worklists.commands:worklist",
    "campaign": "server.campaigns.commands:campaign",
    "board": "server.boards.commands:board",
    "alarm": "server.alarms.commands:alarm",
    "ladder": "server.reminders.ladder.commands:ladder",
    "rates": "server.rates.commands:rates",
    "export": "server.exports.ledger.commands:export",
    "notice": "server.notices.commands:notice",
    "api": "server.simulation.api_command:api",
    "phone": "server.simulation.phone_commands:phone",
    "simulate": "server.simulation.simulate_command:simulate_phones",
    "backup": "server.keeping.commands:backup",
    "restore": "server.keeping.commands:restore",
    "reconcile": "server.keeping.commands:reconcile",
    "doctor": "server.keeping.commands:doctor",
}


class Console(click.Group):
    """Loads a command when it is used, so that a phone's command does not wait for the demo's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=Console, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="qifang", prog_name="qifang")
def main() -> None:
    """Qifang 企访: visits, questionnaires and a follow-up queue nobody can lose sight of.

    \b
    First steps:
      qifang init donghu 东湖区中小企业服务局 --region 360102
      qifang serve
    Settings come from QIFANG_… variables; see docs/operate.md.
    """


if __name__ == "__main__":
    main()
