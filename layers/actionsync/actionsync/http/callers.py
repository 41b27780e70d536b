"""Who calls, and whose things a call is about.

The token says who calls and which groups they are in; the query string says whose things: `owner`
names a team, `connection` a connection of the caller's or of a team's. A function that takes
neither refuses them, so that nothing meant for a team is done for the caller alone. So is any other
parameter that a function does not take: `ownr=team/payments` is not the caller's own either.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.request import Request

from actionsync.errors import FieldError, InvalidInputError, NotAllowedError, NotSignedInError
from actionsync.settings import groups_claim, token_scopes
from actionsync.stores.connections import DEFAULT, checked_name
from actionsync.stores.teams import NAME, PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What OpenID Connect has ID tokens carry, and no access token.
_OF_ID_TOKENS = frozenset({"at_hash", "c_hash", "nonce"})
_LIST_MARKS = str.maketrans("[],", "   ")
# The scope of a machine's token (the stack's parameter MachineClient), and what it opens, by the
# third part of a route. A machine acts for the teams that name its client id.
MACHINE_SCOPE = "actionsync/tickets"
MACHINES = frozenset(
    {"incidents", "change-requests", "problems", "security-incidents", "change-tasks", "context",
     "gates"}
)  # fmt: skip
_OWNER, _CONNECTION = "owner", "connection"
# The parameters of a query string that are the same for all functions, and in no model.
CALLER_PARAMETERS = frozenset({_OWNER, _CONNECTION})
_LONGEST_NAME = 200


class QueryModel(Depends):
    """A dependency that reads a query string as a model; unknown parameters are refused."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and whose things the call is about.

    Attributes:
        user_id: the token's `sub`.
        groups: the groups that the token names.
        scopes: the scopes that it has.
        team: the name of the team whose things the call is about; empty for the caller's own.
        connection: the name of the connection that the call uses.
    """

    user_id: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    team: str = ""
    connection: str = DEFAULT


def _caller(request: Request) -> Caller:
    """Return who calls: what API Gateway's authorizer has verified."""
    try:
        claims = request.resolved_event.raw_event["requestContext"]["authorizer"]["jwt"]["claims"]
        user_id = claims["sub"]
    except (KeyError, TypeError):
        raise NotSignedInError from None
    if not isinstance(user_id, str) or not user_id:
        raise NotSignedInError
    # API Gateway takes a token for either, where it carries a client id that is an audience.
    if claims.get("token_use", "access") != "access" or not _OF_ID_TOKENS.isdisjoint(claims):
        raise NotSignedInError("This is an ID token, which says who signed in and opens no API")
    wanted, scopes = token_scopes(), _scopes(claims)
    if scopes == {MACHINE_SCOPE}:
        _check_machine(request.resolved_event.raw_event["routeKey"], wanted)
    elif wanted and wanted.isdisjoint(scopes):
        raise NotAllowedError(wanted)
    return Caller(user_id, _groups(claims), scopes)


def _check_machine(route: str, wanted: frozenset[str]) -> None:
    """Check that a route is one of those that a machine's token opens.

    Raises:
        NotAllowedError: it is not.
    """
    parts = route.split("/")
    if parts[1:3] != ["api", "servicenow"] or parts[3] not in MACHINES:
        raise NotAllowedError(wanted, "A machine's token opens tickets, context and gates alone.")


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """Return a token's scopes: `scope` (RFC 9068), or `scp` as others name it.

    API Gateway writes a list as `[a b]`.
    """
    found = f"{claims.get('scope', '')} {claims.get('scp', '')}"
    return frozenset(found.translate(_LIST_MARKS).split())


def _groups(claims: dict[str, Any]) -> frozenset[str]:
    """Return a token's groups; API Gateway writes a list as `[a b]`, and quotes nothing.

    Only the outer brackets go, and only blanks separate: a group whose name has others in it is
    never taken for one of another name.
    """
    found = str(claims.get(groups_claim(), ""))
    if found.startswith("[") and found.endswith("]"):
        found = found[1:-1]
    return frozenset(found.split())


def _oneself(request: Request) -> str:
    _query(request)
    return _caller(request).user_id


def _of_owner(request: Request) -> Caller:
    query, caller = _query(request, _OWNER), _caller(request)
    return replace(caller, team=_team(query, caller.user_id))


def _of_connection(request: Request) -> Caller:
    query, caller = _query(request, _OWNER, _CONNECTION), _caller(request)
    owned = replace(caller, team=_team(query, caller.user_id))
    return by_connection(owned, query.get(_CONNECTION, DEFAULT))


def by_connection(caller: Caller, connection: str) -> Caller:
    """Return a caller who uses a connection: a name, `team/<team>` or `team/<team>/<name>`.

    Raises:
        InvalidInputError: it is none of these, or of another team than the caller's.
    """
    team, name = _place(connection) if "/" in connection else (caller.team, connection)
    if caller.team not in {"", team}:
        raise InvalidInputError(FieldError(_CONNECTION, "names another team than owner"))
    try:
        return replace(caller, team=team, connection=checked_name(name))
    except ValueError as error:
        raise InvalidInputError(FieldError(_CONNECTION, str(error))) from None


def _place(text: str) -> tuple[str, str]:
    """Return the team and the connection of `team/<team>`, with or without `/<name>`."""
    team, _, name = text.removeprefix(PREFIX).partition("/")
    if not NAME.fullmatch(team) or "/" in name or (not name and not text.startswith(PREFIX)):
        raise InvalidInputError(
            FieldError(_CONNECTION, "must be a name, team/<team> or team/<team>/<name>")
        )
    return team, name or DEFAULT


def _team(query: "Mapping[str, str]", user_id: str) -> str:
    owner = query.get(_OWNER, user_id)
    if owner == user_id:
        return ""
    team = owner.removeprefix(PREFIX)
    if team == owner or not NAME.fullmatch(team):
        raise InvalidInputError(FieldError(_OWNER, "must be team/<name>"))
    return team


def _query(request: Request, *taken: str) -> "Mapping[str, str]":
    """Return the query string of a call that takes these parameters, and those of its model.

    Raises:
        InvalidInputError: it has another one.
    """
    query = request.query_parameters or {}
    unknown = query.keys() - taken
    if unknown and _has_model(request.context["_route"].func):
        unknown &= CALLER_PARAMETERS
    for name in sorted(unknown):
        raise InvalidInputError(
            FieldError(name[:_LONGEST_NAME] or "query", "is not a parameter of this call")
        )
    return query


@cache
def _has_model(function: "Callable[..., Any]") -> bool:
    hints = get_type_hints(function, include_extras=True).values()
    return any(isinstance(part, QueryModel) for hint in hints for part in _metadata(hint))


def _metadata(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__metadata__", ())


# Whoever calls; for their own things alone; for those of `?owner=`; by the one of `?connection=`.
AnyCaller = Annotated[Caller, Depends(_caller)]
UserId = Annotated[str, Depends(_oneself)]
OwnerCaller = Annotated[Caller, Depends(_of_owner)]
ConnectionCaller = Annotated[Caller, Depends(_of_connection)]
