"""What phones know of the open issues of others, and vectors a bureau's own model made."""

from __future__ import annotations

from piccolo.columns import UUID, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class KnownIssue(Table, tablename="known_issue"):
    """An open issue as every phone of the bureau may know it: no names, no number people could ask after, nothing confidential.
    Its id is the issue's."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    category = Text(default="")
    place = Text(default="")
    """Code of the region of the enterprise that spoke first."""
    texts = Text()
    """JSON: some of what was said, made nameless."""
    enterprises = Integer(default=0)
    shared_at = Timestamptz()


class TextVector(Table, tablename="text_vector"):
    """A text's vector, so that a model is asked once for each text. The id is made of the bureau, the model's name and the text."""

    id = UUID(primary_key=True, default=None)
    bureau = UUID()
    vector = Bytea()
    """32-bit floats in the order of the machine that wrote them."""
