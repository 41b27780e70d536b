"""Users as those who call: their roles, groups, language and time zone."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .clock import strftime_pattern, zone
from .display import Reader
from .scripts import Session

if TYPE_CHECKING:
    from .store import Row, Store


@dataclass(frozen=True, slots=True)
class Account:
    """Who calls: a row of sys_user with what is needed to sign in."""

    sys_id: str
    user_name: str
    password: str = field(default="", repr=False)
    roles: frozenset[str] = frozenset()
    basic_auth: bool = True

    def has(self, *roles: str) -> bool:
        """Return whether the user has one of these roles; an administrator has all."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)


def roles_of(store: "Store", user_id: str) -> frozenset[str]:
    """Return the names of the roles that a user has, also through groups."""
    names = {row["sys_id"]: row["name"] for row in store.rows("sys_user_role")}
    found = {row["role"] for row in store.rows("sys_user_has_role") if row["user"] == user_id}
    groups = groups_of(store, user_id)
    found |= {row["role"] for row in store.rows("sys_group_has_role") if row["group"] in groups}
    return frozenset(names[role] for role in found if role in names)


def groups_of(store: "Store", user_id: str) -> tuple[str, ...]:
    """Return the sys_ids of the groups that a user is a member of."""
    return tuple(row["group"] for row in store.rows("sys_user_grmember") if row["user"] == user_id)


def session_of(store: "Store", account: Account) -> Session:
    """Return what the scripts of a user's queries know."""
    reader = reader_of(store, account)
    return Session(
        account.sys_id,
        account.user_name,
        groups_of(store, account.sys_id),
        store.clock.moment().astimezone(reader.zone),
    )


def reader_of(store: "Store", account: Account | None) -> Reader:
    """Return for whom values are shown: the user's language, time zone and formats."""
    row: Row = (store.find("sys_user", account.sys_id) if account is not None else None) or {}
    days = row.get("date_format") or store.prop("glide.sys.date_format", "yyyy-MM-dd")
    times = row.get("time_format") or store.prop("glide.sys.time_format", "HH:mm:ss")
    return Reader(
        row.get("preferred_language") or store.prop("glide.sys.language", "en"),
        zone(row.get("time_zone") or store.prop("glide.sys.default.tz", "GMT")),
        strftime_pattern(f"{days} {times}"),
        strftime_pattern(days),
    )
