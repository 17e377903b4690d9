"""Who should get an issue by the matrix in force."""

from __future__ import annotations

from msgspec.structs import replace

from server.enterprises.tables import Enterprise
from server.issues.tables import Issue
from server.people.tables import Person
from server.routing.actions import propose_route
from server.routing.route import Route, Subject


async def route_of(issue: Issue, category: str = "") -> Route:
    subject = Subject(category=category or issue.category)
    if issue.enterprise is not None:
        found = await Enterprise.objects().get(
            (Enterprise.bureau == issue.bureau) & (Enterprise.id == issue.enterprise)
        )
        if found is not None:
            subject = replace(subject, place=found.region, industry=found.industry, tier=found.tier)
    author = await Person.objects().get((Person.bureau == issue.bureau) & (Person.id == issue.person))
    return await propose_route(issue.bureau, subject, author.unit if author is not None else None)
