"""The one Piccolo app: every ORM table of the product, one linear migration history at the top level."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

TABLE_MODULES = [
    "server.people.tables",
    "server.audit.tables",
    "server.notices.tables",
    "server.files.tables",
    "server.enterprises.tables",
    "server.worktime.tables",
    "server.sessions.tables",
    "server.feedback.tables",
    "server.questionnaires.tables",
    "server.records.tables",
    "server.reports.tables",
    "server.tasks.tables",
    "server.visits.tables",
    "server.symposia.tables",
    "server.campaigns.tables",
    "server.routing.tables",
    "server.routing.posts.tables",
    "server.routing.taxonomy.tables",
    "server.clocks.policies.tables",
    "server.clocks.choosing.tables",
    "server.reminders.ladder.tables",
    "server.issues.tables",
    "server.issues.machine.tables",
    "server.issues.duty.tables",
    "server.issues.labels.tables",
    "server.similar.tables",
    "server.issues.timers.tables",
    "server.issues.redating.tables",
    "server.callbacks.tables",
    "server.exports.letters.tables",
    "server.worklists.tables",
    "server.reporters.tables",
    "server.accounts.tables",
    "server.alarms.tables",
    "server.open311.tables",
    "server.orders.tables",
]

APP_CONFIG = AppConfig(
    app_name="server",
    migrations_folder_path=str(Path(__file__).parent.parent / "migrations"),
    table_classes=table_finder(modules=TABLE_MODULES),
    migration_dependencies=[],
    commands=[],
)
