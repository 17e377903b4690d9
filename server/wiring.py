"""What phones may see and do, and what follows what. Read this to see it all at once."""

from __future__ import annotations

from functools import cache

from server import attachments, dossiers, lists, moment
from server.callbacks import phone as callback_operations
from server.callbacks.duty.actions import follow_moves as follow_moves_to_callbacks
from server.callbacks.duty.actions import guard_closing
from server.callbacks.following import follow_callback_records
from server.campaigns import kinds as slot_kinds
from server.campaigns.actions import is_campaign
from server.campaigns.slots import filling
from server.campaigns.tables import Slot
from server.devices import watching
from server.enterprises import kinds as enterprise_kinds
from server.enterprises.merging.actions import follow_merge
from server.enterprises.removal.actions import kept_by
from server.exports.letters.actions import follow_urging
from server.feedback import actions as feedback
from server.files.pictures.place import asked_by
from server.files.reading.actions import shown_with
from server.issues.actions import may_see_issue_of
from server.issues.duty import choosing, waiting
from server.issues.phone import kinds as issue_kinds
from server.issues.phone import operations as issue_operations
from server.issues.steps.effects import before_closing
from server.issues.steps.joining import follow_enterprise_merge as follow_issues_of_merged
from server.issues.steps.opening import follow_reports
from server.issues.steps.step import on_moved
from server.issues.tables import Issue
from server.issues.timers.signals import on_signals
from server.notices import kinds as notice_kinds
from server.notices.telling import wait_for_working_time
from server.people import kinds as people_kinds
from server.questionnaires import kinds as questionnaire_kinds
from server.records import phones as record_operations
from server.records.actions import follow_enterprise_merge as follow_records_of_merged
from server.records.actions import may_see_record, on_withdrawn
from server.records.submission import on_submitted
from server.records.tables import Record
from server.reminders.following import follow_moves, follow_signals, next_opening
from server.reports import kinds as report_kinds
from server.reports.actions import follow_enterprise_merge as follow_reports_of_merged
from server.reports.filed import follow_records, on_filed
from server.reports.tables import Report
from server.routing import kinds as routing_kinds
from server.routing.posts.actions import on_duty_changed
from server.routing.posts.duty import weigh_with
from server.settings import read_secret, settings
from server.similar.phone import kinds as known_issue_kinds
from server.similar.repeats import link_repeats
from server.symposia import following as symposium_following
from server.symposia import kinds as symposium_kinds
from server.symposia.tables import Attendance, SymposiumInvitation
from server.tasks import actions as task_actions
from server.tasks import kinds as task_kinds
from server.tasks.tables import Task
from server.visits import following as visit_following
from server.visits import kinds as visit_kinds
from server.visits.actions import campaigns_known_by
from server.visits.tables import Visit
from sync.configuration import configure


@cache
def connect() -> None:
    """Registers kinds, operations and followers; once per process, for the server, the console and the tests alike."""
    people_kinds.connect()
    watching.connect()
    feedback.connect()
    notice_kinds.connect()
    enterprise_kinds.connect()
    questionnaire_kinds.connect()
    routing_kinds.connect()
    record_operations.connect()
    report_kinds.connect()
    issue_kinds.connect()
    issue_operations.connect()
    known_issue_kinds.connect()
    callback_operations.connect()
    before_closing(guard_closing)
    on_moved(follow_moves_to_callbacks)
    weigh_with(choosing.loads_of)
    on_moved(choosing.follow_moves)
    on_moved(waiting.follow_closing)
    on_duty_changed(waiting.follow_duty)
    on_moved(follow_moves)
    on_moved(follow_urging)
    on_signals(follow_signals)
    wait_for_working_time(next_opening)
    task_kinds.connect()
    visit_kinds.connect()
    symposium_kinds.connect()
    slot_kinds.connect()
    lists.connect()
    shown_with(may_see_record)
    shown_with(may_see_issue_of)
    asked_by(attachments.place_goes)
    on_filed(follow_reports)
    on_filed(link_repeats)
    on_submitted(attachments.follow_records)
    on_submitted(dossiers.follow_records)
    on_submitted(follow_callback_records)
    on_submitted(task_actions.follow_visit_records)
    on_submitted(visit_following.follow_visit_records)
    on_submitted(symposium_following.follow_symposium_records)
    on_submitted(filling.follow_records)
    on_submitted(follow_records)  # last: issues take numbers, and other writers wait for those until the commit
    on_withdrawn(attachments.follow_withdrawal)
    on_withdrawn(task_actions.follow_withdrawal)
    on_withdrawn(visit_following.follow_withdrawal)
    on_withdrawn(symposium_following.follow_withdrawal)
    on_withdrawn(filling.follow_withdrawal)
    kept_by(Record, Report, Issue, Visit, Slot, Task, SymposiumInvitation, Attendance)
    campaigns_known_by(is_campaign)
    follow_merge(follow_records_of_merged)
    follow_merge(follow_reports_of_merged)
    follow_merge(follow_issues_of_merged)
    follow_merge(task_actions.follow_enterprise_merge)
    follow_merge(visit_following.follow_enterprise_merge)
    follow_merge(symposium_following.follow_enterprise_merge)
    follow_merge(filling.follow_enterprise_merge)
    configure(secret=read_secret(settings), now=moment.now)
