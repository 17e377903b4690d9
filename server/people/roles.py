"""What each role may do: one table to read. A permission is `noun.verb`; which rows it reaches is the grant's unit."""

from __future__ import annotations

COMMISSIONER = "commissioner"
DISPATCHER = "dispatcher"
HANDLER = "handler"
REVIEWER = "reviewer"
SUPERVISOR = "supervisor"
COORDINATOR = "coordinator"
CALLBACK_OFFICER = "callback_officer"
AUDITOR = "auditor"
ADMIN = "admin"
INTAKE = "intake"
"""Another system that hands in reports and reads what became of them."""

ROLES: dict[str, frozenset[str]] = {
    COMMISSIONER: frozenset(
        {
            "device.use", "enterprise.read", "enterprise.patch", "form.read", "record.submit", "record.amend", "record.read",
            "visit.plan", "visit.read", "symposium.record", "task.do", "report.read", "issue.read", "issue.note", "issue.wait",
            "issue.withdraw", "issue.resolve_on_site", "issue.call_back", "campaign.read", "campaign.ask", "file.upload", "file.read",
        }
    ),
    DISPATCHER: frozenset(
        {
            "enterprise.read", "form.read", "record.read", "report.read", "report.file", "report.link", "issue.read", "issue.note",
            "issue.reassign",
            "issue.dispatch", "issue.refuse", "issue.return", "issue.merge", "issue.transfer", "issue.extend", "issue.resolve_on_site",
            "routing.read", "duty.write", "campaign.read", "visit.read", "file.upload", "file.read",
            "board.read", "paper.write", "ledger.export",
        }
    ),
    HANDLER: frozenset(
        {
            "device.use", "enterprise.read", "form.read", "report.read", "issue.read", "issue.note",
            "issue.reassign", "issue.sign", "issue.reply",
            "issue.contact", "issue.wait", "issue.request_return", "issue.request_extension", "routing.read", "file.upload",
            "file.read", "visit.read", "symposium.record",
        }
    ),
    REVIEWER: frozenset(
        {
            "device.use", "rate.read", "enterprise.read", "report.read", "issue.read", "issue.note", "issue.review", "routing.read",
            "file.upload", "file.read",
            "issue.reassign",
        }
    ),
    CALLBACK_OFFICER: frozenset(
        {
            "enterprise.read", "form.read", "record.submit", "report.read", "report.file", "issue.read", "issue.note", "issue.call_back",
            "file.upload", "file.read",
        }
    ),
    SUPERVISOR: frozenset(
        {
            "rate.read", "enterprise.read", "enterprise.write", "enterprise.import", "enterprise.assign", "form.read", "record.read",
            "record.review", "report.read", "report.file", "report.link", "issue.read", "issue.import",
            "issue.note", "issue.supervise", "issue.extend",
            "issue.merge", "routing.read", "routing.write", "duty.write", "campaign.read", "campaign.run", "campaign.ask", "visit.read",
            "symposium.record", "task.read", "person.read", "device.enrol", "device.revoke", "quarantine.judge", "audit.read",
            "file.upload", "file.read", "delivery.read", "board.read", "alarm.write", "paper.write", "ledger.export",
            "issue.reassign",
        }
    ),
    COORDINATOR: frozenset(
        {
            "rate.read", "enterprise.read", "record.read", "report.read", "report.file", "report.link", "issue.read", "issue.import",
            "issue.note",
            "issue.coordinate", "issue.close", "issue.dispatch", "issue.merge", "issue.transfer", "issue.extend",
            "routing.read", "duty.write", "campaign.read", "person.read", "file.read", "visit.read", "symposium.record",
            "task.read", "board.read", "alarm.write", "paper.write", "ledger.export",
            "issue.reassign",
        }
    ),
    AUDITOR: frozenset(
        {
"audit.read", "rate.read", "enterprise.read", "record.read", "report.read", "issue.read", "campaign.read", "person.read",
            "file.read", "board.read",
        }
    ),
    INTAKE: frozenset({"report.file", "report.read", "issue.read", "issue.import"}),
    # An admin runs the house and has no business rights: no dossiers, no issues.
    ADMIN: frozenset(
        {
            "person.read", "person.write", "unit.write", "device.enrol", "device.revoke", "form.read",
            "form.publish", "routing.read", "routing.write", "duty.write", "audit.read", "feedback.read",
            "channel.write", "delivery.read", "delivery.replay",
        }
    ),
}  # fmt: skip

EVERYBODY = frozenset({"feedback.send", "notice.read"})
"""What every person who works here may do."""
ROLES = {role: permissions | EVERYBODY for role, permissions in ROLES.items()}

BUREAU_WIDE = frozenset({DISPATCHER, SUPERVISOR, COORDINATOR, CALLBACK_OFFICER, AUDITOR, ADMIN})
"""Roles that read the queue of every unit below their grant, not only what is addressed to them."""
