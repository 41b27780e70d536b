"""The client: incidents, change requests, problems and any other record of one instance."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from servicenow_tools._capabilities import find_capabilities
from servicenow_tools._connection_test import check_connection, signed_in_as
from servicenow_tools._http import Http, Request, validate_headers, validate_path
from servicenow_tools._metadata import InstanceMetadata
from servicenow_tools._transport import Transport, environment_proxy, tls_context
from servicenow_tools.auth import BasicAuth, ClientCertificate
from servicenow_tools.errors import InvalidRequestError
from servicenow_tools.incidents import Incidents
from servicenow_tools.query import Query, field
from servicenow_tools.records import ApiResponse
from servicenow_tools.tables import Instance, Table

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from servicenow_tools._http import RequestEvent
    from servicenow_tools.attachments import Attachments
    from servicenow_tools.bulk import Bulk
    from servicenow_tools.changes import Changes
    from servicenow_tools.cmdb import Cmdb
    from servicenow_tools.events import Events
    from servicenow_tools.import_sets import ImportSets
    from servicenow_tools.problems import Problems
    from servicenow_tools.records import Capability, ConnectionReport, Record
    from servicenow_tools.security_incidents import SecurityIncidents
    from servicenow_tools.tables import OnUpdate


class ServiceNowClient:
    """A client of one instance, for one user.

    Use it in `async with`, or call `aclose` when done. It may be shared by many tasks, and used
    again in another event loop. Each kind of record is a resource of one shape (`incidents`,
    `changes`, `problems`, `table(name)`, ...): create, get, search, update, close, ...

    Args:
        instance_url: `https://<host>`.
        username: the ServiceNow user.
        password: the user's password, for basic authentication.
        auth: another way to sign in than `username` and `password`: an object of
            `servicenow_tools.auth`, any `httpx.Auth`, or a pair of user name and password.
        transport: another way to the network, as a test's.
        proxy: the URL of a proxy (http, https, socks5); by default the environment's HTTPS_PROXY,
            ALL_PROXY and NO_PROXY count.
        ca_file: PEM file of the authority behind the instance's certificate, if it is private.
        timeout: seconds for each of connecting, reading, writing and waiting for a connection,
            or an `httpx.Timeout` for each of them.
        deadline: seconds for a whole call, retries and look-ups among them; None for no end.
            A Retry-After of more than a minute is never waited for: it is the error's.
        max_connections: how many connections it may hold.
        keepalive_seconds: for how long it keeps a connection that nobody uses.
        max_response_mib: how many MiB an answer may have, unpacked; a longer one is an error.
            Attachments have a limit of their own.
        on_request: is called after every HTTP request, for metrics; it must not raise.
        on_update: is called with table, sys_id and the values as they are sent before a record is
            updated, and returns what is called with the record, or with the error, afterwards.

    Raises:
        InvalidRequestError: the URL is no https URL of a host, there is no way to sign in, or
            options contradict each other.
    """

    def __init__(
        self,
        instance_url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        auth: httpx.Auth | tuple[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: str | None = None,
        ca_file: str | None = None,
        timeout: float | httpx.Timeout = 10.0,
        deadline: float | None = 60.0,
        max_connections: int = 20,
        keepalive_seconds: float = 30.0,
        max_response_mib: int = 64,
        on_request: "Callable[[RequestEvent], None] | None" = None,
        on_update: "OnUpdate | None" = None,
    ) -> None:
        signer = _signer(auth, username, password)
        if transport is not None and (
            proxy is not None or ca_file is not None or isinstance(signer, ClientCertificate)
        ):
            raise InvalidRequestError(
                "takes the place of proxy, ca_file and client certificate", "transport"
            )

        def tls() -> "ssl.SSLContext":
            if isinstance(signer, ClientCertificate):
                return signer.tls_context(ca_file)
            return tls_context(ca_file)

        def open_transport() -> httpx.AsyncBaseTransport:
            if transport is not None:
                return transport
            return Transport(
                tls(),
                proxy=proxy or environment_proxy(self._http.instance_url),
                max_connections=max_connections,
                keepalive_seconds=keepalive_seconds,
            )

        if username is None and isinstance(signer, BasicAuth):
            username = signer.username
        self.username = username
        self._http = Http(
            instance_url,
            auth=signer,
            timeout=httpx.Timeout(timeout),
            deadline=deadline,
            max_response_mib=max_response_mib,
            on_request=on_request,
            open_transport=open_transport,
        )
        if transport is None:
            # A file that cannot be read and a proxy that cannot be used are refused at once.
            Transport(tls(), proxy=proxy)
        self._instance = Instance(self._http, InstanceMetadata(self._http))
        if on_update is not None:
            self._instance.on_update = on_update

    @property
    def instance_url(self) -> str:
        """The instance, without a trailing slash."""
        return self._http.instance_url

    @cached_property
    def incidents(self) -> Incidents:
        """Incidents."""
        return Incidents(self._instance)

    # Loaded when used: most programs need few of them, and imports slow a cold start down.

    @cached_property
    def changes(self) -> "Changes":
        """Change requests: tasks, next states, approvals, conflicts, schedule and all."""
        from servicenow_tools.changes import Changes  # noqa: PLC0415 - see above

        return Changes(self._instance)

    @cached_property
    def problems(self) -> "Problems":
        """Problems and their tasks."""
        from servicenow_tools.problems import Problems  # noqa: PLC0415 - see above

        return Problems(self._instance)

    @cached_property
    def security_incidents(self) -> "SecurityIncidents":
        """Security incidents, where the instance has Security Incident Response."""
        from servicenow_tools.security_incidents import (  # noqa: PLC0415 - see above
            SecurityIncidents,
        )

        return SecurityIncidents(self._instance)

    def table(self, name: str) -> Table:
        """Return the records of any table.

        Raises:
            InvalidRequestError: the name is not a table name.
        """
        return Table(self._instance, name)

    @cached_property
    def attachments(self) -> "Attachments":
        """Files attached to records."""
        from servicenow_tools.attachments import Attachments  # noqa: PLC0415 - see above

        return Attachments(self._instance)

    @cached_property
    def bulk(self) -> "Bulk":
        """Many creates, updates or deletes in few round trips."""
        from servicenow_tools.bulk import Bulk  # noqa: PLC0415 - see above

        return Bulk(self._instance)

    @cached_property
    def cmdb(self) -> "Cmdb":
        """Configuration items."""
        from servicenow_tools.cmdb import Cmdb  # noqa: PLC0415 - see above

        return Cmdb(self._instance)

    @cached_property
    def events(self) -> "Events":
        """Events for Event Management."""
        from servicenow_tools.events import Events  # noqa: PLC0415 - see above

        return Events(self._instance)

    @cached_property
    def import_sets(self) -> "ImportSets":
        """Import sets, for instances whose tables are written by transforms alone."""
        from servicenow_tools.import_sets import ImportSets  # noqa: PLC0415 - see above

        return ImportSets(self._instance)

    def __repr__(self) -> str:
        return f"ServiceNowClient({self.instance_url!r}, username={self.username!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._http.aclose()

    # ---- short names of the everyday calls

    async def create_incident(  # noqa: PLR0917 - in the order of the documented call
        self,
        short_description: str,
        description: str | None = None,
        urgency: str | int | None = None,
        impact: str | int | None = None,
        category: str | None = None,
        subcategory: str | None = None,
        assignment_group: str | None = None,
        **fields: Any,
    ) -> "Record":
        """Open an incident; see `incidents.create`."""
        return await self.incidents.create(
            short_description,
            description,
            urgency,
            impact,
            category,
            subcategory,
            assignment_group,
            **fields,
        )

    async def get_incident(self, id: str) -> "Record":  # noqa: A002 - the API's own name
        """Return an incident by sys_id or number; see `incidents.get`."""
        return await self.incidents.get(id)

    async def update_incident(
        self,
        sys_id: str,
        state: str | int | None = None,
        assigned_to: str | None = None,
        **fields: Any,
    ) -> "Record":
        """Set what is given, and nothing else; see `incidents.update`."""
        return await self.incidents.update(sys_id, fields, state=state, assigned_to=assigned_to)

    async def close_incident(
        self,
        sys_id: str,
        close_notes: str,
        close_code: str | None = None,
        *,
        state: Literal["resolved", "closed"] = "resolved",
    ) -> "Record":
        """Resolve an incident, and close it if asked to; see `incidents.close`."""
        return await self.incidents.close(sys_id, close_notes, close_code, state=state)

    async def search_incidents(
        self,
        state: str | int | None = None,
        assignment_group: str | None = None,
        limit: int = 100,
        *,
        query: Query | None = None,
        **filters: Any,
    ) -> "list[Record]":
        """Return the newest incidents that meet all filters; see `incidents.search`."""
        return await self.incidents.search(
            query, limit=limit, state=state, assignment_group=assignment_group, **filters
        )

    async def create_change_request(  # noqa: PLR0917 - in the order of the documented call
        self,
        short_description: str,
        description: str | None = None,
        type_: str = "normal",
        risk: str | int | None = None,
        impact: str | int | None = None,
        assignment_group: str | None = None,
        **fields: Any,
    ) -> "Record":
        """Raise a change request; see `changes.create`."""
        return await self.changes.create(
            short_description, description, type_, risk, impact, assignment_group, **fields
        )

    async def get_change_request(self, id: str) -> "Record":  # noqa: A002 - the API's own name
        """Return a change request by sys_id or number; see `changes.get`."""
        return await self.changes.get(id)

    async def update_change_request(self, sys_id: str, **fields: Any) -> "Record":
        """Set what is given, and nothing else; see `changes.update`."""
        return await self.changes.update(sys_id, fields)

    async def close_change_request(
        self,
        sys_id: str,
        close_code: str = "successful",
        close_notes: str = "",
    ) -> "Record":
        """Close a change request through the states it may take; see `changes.close`."""
        return await self.changes.close(sys_id, close_code, close_notes)

    async def search_change_requests(
        self,
        state: str | int | None = None,
        assignment_group: str | None = None,
        limit: int = 100,
        *,
        query: Query | None = None,
        **filters: Any,
    ) -> "list[Record]":
        """Return the newest change requests that meet all filters; see `changes.search`."""
        return await self.changes.search(
            query, limit=limit, state=state, assignment_group=assignment_group, **filters
        )

    async def add_work_note(self, table: str, sys_id: str, work_note: str) -> "Record":
        """Add a work note to a record of any table; see `Table.add_work_note`."""
        return await self.table(table).add_work_note(sys_id, work_note)

    # ---- the instance

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: "Mapping[str, str] | None" = None,
        json: Any = None,
        headers: "Mapping[str, str] | None" = None,
        repeatable: bool | None = None,
    ) -> ApiResponse:
        """Send a request to any path of the instance that answers with JSON.

        It is signed, retried and judged as all others are.

        Args:
            method: the HTTP method.
            path: the path, from its `/` on, without a query.
            params: the query.
            json: what to send as JSON.
            headers: further headers; those that sign or frame a request cannot be set.
            repeatable: whether it may be sent twice; if None, a read may and a write may not.

        Raises:
            InvalidRequestError: the method, path or a header is not valid.
            ServiceNowError: the instance refused, failed or could not be reached.
        """
        answer = await self._http.send(
            Request(
                method,
                validate_path(method, path),
                dict(params or {}),
                body=json,
                key=None,
                headers=validate_headers(headers or {}),
            ),
            repeatable=repeatable,
        )
        return ApiResponse(answer.status, dict(answer.headers), answer.result)

    async def current_user_id(self) -> str | None:
        """Return the sys_id of the user who signs in, or None where the instance hides it."""
        return await self._instance.metadata.user_id()

    async def test_connection(self) -> "ConnectionReport":
        """Find out, stage by stage, what this connection is good for; no failure is raised."""
        with self._http.deadline():
            return await check_connection(self._http, self.username)

    async def signed_in_as(self) -> str | None:
        """Return the user name of who is signed in, or None where ServiceNow does not say.

        Raises:
            ServiceNowError: the instance failed, or nobody is signed in.
        """
        with self._http.deadline():
            return await signed_in_as(self._http, self.username)

    async def capabilities(self) -> "list[Capability]":
        """Find out what the instance allows this user, in nine requests that only read.

        Raises:
            ServiceNowError: the instance failed, or nobody is signed in.
        """
        with self._http.deadline():
            return await find_capabilities(self._http)

    async def set_password(self, password: str) -> None:
        """Change the password of the user who signs in; this client goes on with the old one.

        ServiceNow hashes a password only if it comes as a display value (documentation: Table
        API, sysparm_input_display_value). Where the user may write its record but not this column,
        ServiceNow drops it silently: sign in with the new one to be sure.

        Raises:
            InvalidRequestError: the client has no username.
            PermissionDeniedError: the user may not write its own record in sys_user.
        """
        if self.username is None:
            raise InvalidRequestError("is needed to change its password", "username")
        await self._set_secret("sys_user", "user_name", self.username, "user_password", password)

    async def set_client_secret(self, client_id: str, client_secret: str) -> None:
        """Change the secret of an OAuth application; the tokens it has issued stay valid.

        Like a password, it is encrypted only if it comes as a display value, and dropped silently
        where the column may not be written: ask for a token with the new one to be sure.

        Raises:
            InvalidRequestError: there is no such application, or the user may not see it.
            PermissionDeniedError: the user may not write oauth_entity, as the role oauth_admin may
                (documentation: Add the OAuth Application User).
        """
        await self._set_secret(
            "oauth_entity", "client_id", client_id, "client_secret", client_secret
        )

    # ---- inside

    async def _set_secret(self, table: str, key: str, value: str, column: str, secret: str) -> None:
        """Write a secret column of the one record that has this key."""
        with self._http.deadline():
            query = field(key).eq(value).encode()
            rows = await self._http.find(table, query, limit=1, fields=["sys_id", key])
            # A query that ServiceNow ignores would find another record.
            if not rows or str(rows[0].get(key)).lower() != value.lower():
                raise InvalidRequestError(f"is in no record of {table} that can be seen", key)
            await self._http.send(
                Request(
                    "PATCH",
                    f"/api/now/table/{table}/{rows[0].get('sys_id')}",
                    {"sysparm_input_display_value": "true", "sysparm_fields": "sys_id"},
                    body={column: secret},
                )
            )


def _signer(
    auth: httpx.Auth | tuple[str, str] | None, username: str | None, password: str | None
) -> httpx.Auth:
    """Return what signs requests.

    Raises:
        InvalidRequestError: there is no way to sign in.
    """
    if isinstance(auth, httpx.Auth):
        return auth
    if auth is None:
        if username is None or password is None:
            raise InvalidRequestError("is needed, or username and password", "auth")
        return BasicAuth(username, password)
    match auth:
        case (str() as name, str() as secret):
            return BasicAuth(name, secret)
    raise InvalidRequestError("must be an httpx.Auth, or user name and password", "auth")
