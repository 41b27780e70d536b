"""Callers whose rights are checked, and whose calls are counted against their limits."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler.depends import Depends

from actionsync.audit.trail import settings_change
from actionsync.errors import NotInTeamError
from actionsync.http.callers import Caller, ConnectionCaller, OwnerCaller, UserId
from actionsync.stores.connections import DEFAULT
from actionsync.wiring.stores import activity_store, rates, team_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from actionsync.stores.credentials import Identity
    from actionsync.stores.teams import Role


@dataclass(frozen=True, slots=True)
class Acting:
    """A caller who may do what is asked for.

    Attributes:
        user_id: who calls.
        owner: whose things it is about: the caller's own, or a team's.
        connection: the name of the connection that the call uses.
    """

    user_id: str
    owner: str
    connection: str = DEFAULT

    @property
    def by(self) -> str:
        """Who acts, where that is not the owner."""
        return self.user_id if self.user_id != self.owner else ""

    def recorded(
        self, action: str, fields: "Iterable[str]" = ()
    ) -> "AbstractContextManager[dict[str, Any]]":
        """Record a change of the owner's settings that the block makes (`ActivityStore.around`)."""
        return activity_store().around(self.owner, settings_change(action, fields, self.by))


def acting(caller: Caller, role: "Role" = "member") -> Acting:
    """Return the caller with the owner that they act for.

    Raises:
        NotInTeamError: they are not in the team, or may not change what it has.
    """
    if not caller.team:
        return Acting(caller.user_id, caller.user_id, caller.connection)
    team = team_store().get(caller.team)
    found = team.role_of(caller.user_id, caller.groups) if team else None
    if team is None or found is None:
        raise NotInTeamError(caller.team)
    if role == "editor" and found != "editor":
        raise NotInTeamError(caller.team, role)
    return Acting(caller.user_id, team.id, caller.connection)


def teams_of(caller: Caller) -> "list[dict[str, str]]":
    """Return the teams that a caller is in, by name: `{name, role}`."""
    return [
        {"name": team.name, "role": role}
        for team in team_store().all()
        if (role := team.role_of(caller.user_id, caller.groups))
    ]


def _member(caller: OwnerCaller) -> Acting:
    return acting(caller)


def _reading_member(caller: OwnerCaller) -> Acting:
    rates("reads").take(caller.user_id)
    return acting(caller)


def _editor(caller: OwnerCaller) -> Acting:
    rates("writes").take(caller.user_id)
    return acting(caller, "editor")


def _writing_member(caller: OwnerCaller) -> Acting:
    rates("writes").take(caller.user_id)
    return acting(caller)


def _connection_member(caller: ConnectionCaller) -> Acting:
    rates("reads").take(caller.user_id)
    return acting(caller)


def _rate_limited(user_id: UserId) -> Acting:
    rates("writes").take(user_id)
    return Acting(user_id, user_id)


# Who reads what an owner has; reads much of it; adds to it; changes it; reads by a connection; or
# changes what is the caller's own.
Member = Annotated[Acting, Depends(_member)]
ReadingMember = Annotated[Acting, Depends(_reading_member)]
WritingMember = Annotated[Acting, Depends(_writing_member)]
Editor = Annotated[Acting, Depends(_editor)]
ConnectionMember = Annotated[Acting, Depends(_connection_member)]
Oneself = Annotated[Acting, Depends(_rate_limited)]


def limit_sign_ins(user_id: str, identity: "Identity | None" = None) -> None:
    """Count an attempt to sign in with what a user has typed, or stored.

    Args:
        user_id: the user.
        identity: the user and host, or None for a stored connection.

    Raises:
        TooManyRequestsError: this minute has none left.
    """
    if identity is None:
        about = "stored"
    else:
        named = f"{identity.instance_url} {identity.username or identity.client_id}"
        about = hashlib.sha256(named.encode()).hexdigest()[:32]
    rates("sign-ins").take(user_id, about)
