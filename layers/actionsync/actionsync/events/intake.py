"""What is known of a key after a batch was recorded."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actionsync.rules.ends import End
from actionsync.rules.models import IncidentRule
from actionsync.stores.connections import DEFAULT

if TYPE_CHECKING:
    from actionsync.events.folding import Group
    from actionsync.events.groups import Look
    from actionsync.rules.holds import DuringChange, Hold
    from actionsync.rules.models import AnyRule, MatchedRule
    from actionsync.stores.correlations import Correlation, GroupNews


@dataclass(slots=True)
class Intake:
    """What is known of a key after a batch was recorded.

    Attributes:
        group: the key's events, folded.
        matched: the rule they fall under, None where none of them could open a ticket.
        correlation: what is known.
        rule: what becomes of them: by the rule that opened the key's ticket, where it has one.
        rule_name: that rule's name.
        connection: the name of the connection that the ticket goes to.
        is_ignored: whether nothing was recorded, since the rules ignore it.
        news: what the batch makes of the group, where the key is one's.
        found: what was found of its members, where they were looked at.
    """

    group: "Group"
    matched: "MatchedRule | None"
    correlation: "Correlation"
    rule: "AnyRule | None" = None
    rule_name: str = ""
    connection: str = DEFAULT
    is_ignored: bool = False
    news: "GroupNews | None" = None
    found: "Look | None" = None

    @property
    def key(self) -> str:
        """The dedup key of its ticket."""
        return self.group.event.dedup_key

    def merged(self, other: "Intake") -> "Intake":
        """Return what is known of a group after both of a batch's keys were recorded."""
        if self.news is not None and other.news is not None:
            self.news = self.news.merged(other.news)
        received = (*self.group.received, *other.group.received)
        self.group = replace(self.group, received=received)
        return self

    @property
    def hold(self) -> "Hold | None":
        """What its ticket waits for before it is opened, or opened again."""
        asked = self.matched.then if self.matched is not None else self.rule
        return asked.hold if isinstance(asked, IncidentRule) else None

    @property
    def during_change(self) -> "DuringChange | None":
        """What becomes of it while a change is under way."""
        asked = self.matched.then if self.matched is not None else self.rule
        return asked.during_change if isinstance(asked, IncidentRule) else None

    @property
    def end(self) -> End:
        """How its ticket ends."""
        return self.rule.end if isinstance(self.rule, IncidentRule) else End()

    @property
    def silent_seconds(self) -> int:
        """After how many seconds without a sign of life it is over; 0 for never."""
        event = self.group.event
        return self.end.silent_seconds(event.source, event.silent_hours)
