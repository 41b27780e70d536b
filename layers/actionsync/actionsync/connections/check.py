"""Testing a connection: the stored one, or one that is still being typed."""

from typing import TYPE_CHECKING

import httpx

from actionsync.errors import FieldError, InvalidInputError

if TYPE_CHECKING:
    from actionsync.connections.models import ConnectionToTest
    from actionsync.connections.sessions import Sessions
    from servicenow_tools import ConnectionReport


async def check_stored_connection(sessions: "Sessions", user_id: str) -> "ConnectionReport":
    """Test the user's stored connection, stage by stage.

    Raises:
        ConnectionNotFoundError: the user has none.
        ConnectionIncompleteError: its secret is missing.
    """
    client = await sessions.client(user_id)
    return await client.test_connection()


async def check_typed_connection(
    sessions: "Sessions", user_id: str, typed: "ConnectionToTest"
) -> "ConnectionReport":
    """Test a connection before it is stored; nothing of it is kept.

    Without a password it must be the stored host and user, and the stored password is used.

    Raises:
        InvalidInputError: the password is missing for another host or user.
        ConnectionIncompleteError: the stored connection's secret is missing.
    """
    if typed.password is None:
        if not sessions.is_stored(user_id, typed.instance_url, typed.username):
            raise InvalidInputError(
                FieldError("password", "is needed for a host and user that are not stored")
            )
        return await check_stored_connection(sessions, user_id)
    auth = httpx.BasicAuth(typed.username, typed.password.get_secret_value())
    async with sessions.open(typed.instance_url, typed.username, auth) as client:
        return await client.test_connection()
