"""The subcommands: a thin skin over the synchronous client."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from servicenow_tools import Query, __version__, field
from servicenow_tools import ServiceNowClient as AsyncClient
from servicenow_tools.cli import browser, output, profiles
from servicenow_tools.errors import InvalidRequestError
from servicenow_tools.records import Record
from servicenow_tools.states import FINAL_STATES
from servicenow_tools.sync import ServiceNowClient
from servicenow_tools.sync.tables import Resource

_LISTED = ("number", "state", "priority", "short_description", "assignment_group", "assigned_to")
_PAGE = 500

app = typer.Typer(
    help="Open, find, note and resolve ServiceNow's tickets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="A number or a sys_id.")]
Text = Annotated[str, typer.Argument(help="The text.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="COLUMN=VALUE", help="A column, by value or label."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the request, and write nothing.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
Shown = Annotated[str | None, typer.Option("--columns", help="Columns to show, by commas.")]
Filters = Annotated[
    list[str] | None,
    typer.Option("--where", "-w", metavar="COLUMN=VALUE", help="What each has to have."),
]
Encoded = Annotated[str | None, typer.Option("--query", help="An encoded query, as it is.")]


@dataclass(slots=True)
class Session:
    """What all subcommands share."""

    profile_name: str
    as_json: bool

    @property
    def profile(self) -> profiles.Profile:
        """The profile that was asked for."""
        return profiles.load(self.profile_name)

    @contextmanager
    def client(self, *, writes: bool = False) -> Iterator[ServiceNowClient]:
        """Yield a client, and end with the exit code of what goes wrong."""
        with output.failing():
            profile = self.profile
            if writes and profile.read_only:
                raise InvalidRequestError("is read-only", f"profile {self.profile_name}")
            with profiles.connect(profile) as client:
                yield client

    def write(
        self,
        resource_of: Callable[[ServiceNowClient], Resource],
        values: Mapping[str, Any],
        do: Callable[[Any], Record],
        *,
        id: str | None = None,  # noqa: A002 - the API's own name
        dry_run: bool,
    ) -> None:
        """Write a record and show it, or show what would be sent."""
        with self.client(writes=not dry_run) as client:
            resource = resource_of(client)
            if not dry_run:
                written = do(resource)
                shown = written
                if not self.as_json:  # a write is answered without labels
                    shown = resource.get(written.sys_id, display_value="all")
                    shown.ignored_fields = written.ignored_fields
                output.show(shown, as_json=self.as_json)
                return
            preview = resource.preview(values, id=id)
            sys_id = "" if id is None else f"/{resource.resolve_sys_id(id)}"
            output.write_line(
                {
                    "method": "POST" if id is None else "PATCH",
                    "path": f"/api/now/table/{resource.table}{sys_id}",
                    "body": preview.values,
                }
            )
            for problem in preview.problems:
                raise InvalidRequestError(problem.message, problem.field)


def _print_version(value: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    profile: Annotated[
        str, typer.Option(envvar="SERVICENOW_PROFILE", help="The profile to use.")
    ] = "default",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has ended the command
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    context.obj = Session(profile, as_json)


@app.command()
def login(
    context: typer.Context,
    url: Annotated[str, typer.Option(prompt="Instance, as https://acme.service-now.com")],
    username: Annotated[str, typer.Option(help="Empty for an API key.")] = "",
    client_id: Annotated[str, typer.Option(help="An OAuth application.")] = "",
    ca_file: Annotated[str, typer.Option(help="PEM file of a private authority.")] = "",
    *,
    in_browser: Annotated[
        bool, typer.Option("--browser", help="Sign in in the browser; needs --client-id.")
    ] = False,
    port: Annotated[int, typer.Option(help="Where --browser comes back to.")] = browser.PORT,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse to write.")] = False,
) -> None:
    """Store an instance as a profile, and its secrets in the keyring."""
    session: Session = context.obj
    kinds = [kind for kind, is_needed in (
        ("client_secret", client_id), ("password", username and not in_browser),
        ("api_key", not client_id and not username),
    ) if is_needed]  # fmt: skip
    with output.failing():
        if in_browser and not client_id:
            raise InvalidRequestError("is needed for --browser", "--client-id")
        secrets = {
            kind: typer.prompt(kind.replace("_", " ").capitalize(), hide_input=True)
            for kind in kinds
        }
        if in_browser:
            username, secrets["refresh_token"] = browser.sign_in(
                url, client_id, secrets["client_secret"], port=port, ca_file=ca_file or None
            )
            typer.echo(f"Signed in as {username}.")
        profile = profiles.Profile(url, username, client_id, ca_file, read_only, in_browser)
        profiles.save(session.profile_name, profile, secrets)
    typer.echo(f"Stored as {session.profile_name} in {profiles.file()}.")


@app.command()
def test(context: typer.Context) -> None:
    """Find out, stage by stage, what the connection is good for."""
    session: Session = context.obj
    with session.client() as client:
        report = client.test_connection()
    for check in report.checks:
        line = {"check": check.name, "status": check.status, "message": check.message}
        if session.as_json:
            output.write_line(line)
        else:
            typer.echo(f"{check.status:8} {check.name}: {check.message}")
    raise typer.Exit(0 if report.success else 1)


@app.command()
def doctor(context: typer.Context) -> None:
    """Find out what the instance allows, what follows, and what its administrator can change."""
    session: Session = context.obj
    with session.client() as client:
        found = client.capabilities()
    for each in found:
        if session.as_json:
            output.write_line({**asdict(each), "values": list(each.values)})
            continue
        values = ", ".join(each.values)
        typer.echo(
            f"{each.status:8} {each.name}: {values}" if values else f"{each.status:8} {each.name}"
        )
        typer.echo(f"         {' '.join(filter(None, (each.means, each.remedy)))}")


@app.command()
def attach(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help="As incident.")],
    id: Id,  # noqa: A002 - the API's own name
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
) -> None:
    """Attach files to a record, one after the other."""
    session: Session = context.obj
    with session.client(writes=True) as client:
        sys_id = client.table(table).resolve_sys_id(id)
        for number, path in enumerate(files, start=1):
            with output.busy(f"{path.name}, file {number} of {len(files)}"):
                attached = client.attachments.upload(table, sys_id, path, path.name)
            output.listed([attached], ("file_name", "size_bytes", "sys_id"),
                          as_json=session.as_json)  # fmt: skip


@app.command("mcp")
def serve_assistants(
    context: typer.Context,
    tables: Annotated[
        str, typer.Option(help="Tables of tickets that the tools read and note, by commas.")
    ] = "incident,change_request,change_task,problem",
    *,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Let the tools open, note and resolve tickets.")
    ] = False,
) -> None:
    """Serve an assistant by the Model Context Protocol, over standard input and output."""
    session: Session = context.obj

    def connect(connection: str) -> AsyncClient:
        if connection == "default":
            return profiles.connect_async(session.profile)
        if connection not in profiles.known():
            raise InvalidRequestError("is no profile: run servicenow-tools login", connection)
        return profiles.connect_async(profiles.load(connection))

    with output.failing():
        if allow_writes and session.profile.read_only:
            raise InvalidRequestError("is read-only", f"profile {session.profile_name}")
        try:
            from servicenow_tools.mcp.stdio import serve  # noqa: PLC0415 - an extra of its own
        except ModuleNotFoundError as error:
            raise InvalidRequestError(
                "is missing: pip install 'servicenow-tools[cli,mcp]'", error.name
            ) from None
        names = [name.strip() for name in tables.split(",")]
        asyncio.run(serve(connect, names, allow_writes=allow_writes))


# ---- records


def _search(
    session: Session,
    resource_of: Callable[[ServiceNowClient], Resource],
    *,
    where: list[str],
    encoded: str | None = None,
    limit: int,
    columns: list[str] | None,
    default: tuple[str, ...],
) -> None:
    with session.client() as client:
        resource = resource_of(client)
        query = resource.query(**_pairs(where))
        if encoded:
            query = Query.unsafe(encoded) & query
        found = output.counted(_found(resource, query, limit, columns))
        output.listed(found, columns or default, as_json=session.as_json)


def _show(
    session: Session,
    resource_of: Callable[[ServiceNowClient], Resource],
    id: str,  # noqa: A002 - the API's own name
) -> None:
    with session.client() as client:
        record = resource_of(client).get(id, display_value="all")
        output.show(record, as_json=session.as_json)


tables = typer.Typer(help="Records of any table.", no_args_is_help=True)
app.add_typer(tables, name="table")
TableName = Annotated[str, typer.Argument(metavar="TABLE", help="As cmdb_ci.")]


@tables.command("query")
def query_table(
    context: typer.Context,
    name: TableName,
    *,
    where: Filters = None,
    query: Encoded = None,
    limit: Limit = 20,
    columns: Shown = None,
) -> None:
    """List the records that meet all conditions, the newest first."""
    _search(
        context.obj,
        lambda client: client.table(name),
        where=where or [],
        encoded=query,
        limit=limit,
        columns=columns.split(",") if columns else None,
        default=("sys_id", "sys_created_on", "sys_updated_on"),
    )


@tables.command("get")
def get_record(context: typer.Context, name: TableName, id: Id) -> None:  # noqa: A002
    """Show a record."""
    _show(context.obj, lambda client: client.table(name), id)


def _reading(tickets: typer.Typer, resource_of: Callable[[ServiceNowClient], Resource]) -> None:
    """Add what reads tickets."""

    @tickets.command()
    def search(
        context: typer.Context,
        *,
        where: Filters = None,
        query: Encoded = None,
        limit: Limit = 20,
        columns: Shown = None,
    ) -> None:
        """List those that meet all conditions, the newest first; state=open is what is not over."""
        _search(
            context.obj,
            resource_of,
            where=where or [],
            encoded=query,
            limit=limit,
            columns=columns.split(",") if columns else None,
            default=_LISTED,
        )

    @tickets.command()
    def mine(context: typer.Context, limit: Limit = 20, columns: Shown = None) -> None:
        """List what is open and assigned to the profile's user."""
        with output.failing():
            user = context.obj.profile.username
            if not user:
                raise InvalidRequestError("is needed", "username")
        _search(
            context.obj,
            resource_of,
            where=[f"assigned_to={user}", "state=open"],
            limit=limit,
            columns=columns.split(",") if columns else None,
            default=_LISTED,
        )

    @tickets.command()
    def show(context: typer.Context, id: Id) -> None:  # noqa: A002
        """Show a ticket."""
        _show(context.obj, resource_of, id)

    @tickets.command("open")
    def open_(context: typer.Context, id: Id) -> None:  # noqa: A002
        """Open one in the browser."""
        with context.obj.client() as client:
            url = resource_of(client).get(id, fields=["sys_id", "number"]).url
        typer.echo(url)
        typer.launch(url)


def _found(
    resource: Resource, query: Query, limit: int, columns: list[str] | None
) -> Iterator[Record]:
    cursor, left = None, limit
    while left > 0:
        page = resource.page(
            query, limit=min(left, _PAGE), cursor=cursor, fields=columns, display_value="all"
        )
        yield from page.records
        left -= len(page.records)
        cursor = page.next
        if cursor is None:
            return


def _pairs(texts: list[str] | None) -> dict[str, str]:
    """Return the columns of COLUMN=VALUE.

    Raises:
        InvalidRequestError: one is not of that form.
    """
    found = {}
    for text in texts or []:
        name, separator, value = text.partition("=")
        if not separator:
            raise InvalidRequestError("must be COLUMN=VALUE", text)
        found[field(name).name] = value
    return found


# ---- tickets


def _tickets(name: str, table: str, resource_of: Callable[[ServiceNowClient], Any]) -> typer.Typer:
    """Return the subcommands that tickets of all types have."""
    tickets = typer.Typer(help=f"{name.capitalize()}s.", no_args_is_help=True)
    app.add_typer(tickets, name=name)
    _reading(tickets, resource_of)
    _watching(tickets, table, resource_of)

    @tickets.command()
    def create(
        context: typer.Context,
        short_description: Annotated[str, typer.Argument(help="One line.")],
        columns: Columns = None,
        *,
        dry_run: DryRun = False,
    ) -> None:
        """Open one."""
        with output.failing():
            further = _pairs(columns)
        values = {"short_description": short_description, **further}
        arguments = {{"type": "type_"}.get(key, key): value for key, value in further.items()}
        context.obj.write(
            resource_of,
            values,
            lambda resource: resource.create(short_description, **arguments),
            dry_run=dry_run,
        )

    @tickets.command()
    def update(
        context: typer.Context, id: Id, columns: Columns = None, *, dry_run: DryRun = False  # noqa: A002
    ) -> None:  # fmt: skip
        """Set columns."""
        with output.failing():
            values = _pairs(columns)
        context.obj.write(
            resource_of, values, lambda resource: resource.update(id, values), id=id,
            dry_run=dry_run,
        )  # fmt: skip

    @tickets.command()
    def note(context: typer.Context, id: Id, text: Text, *, dry_run: DryRun = False) -> None:  # noqa: A002
        """Add a work note."""
        context.obj.write(
            resource_of, {"work_notes": text}, lambda resource: resource.add_work_note(id, text),
            id=id, dry_run=dry_run,
        )  # fmt: skip

    return tickets


def _watching(
    tickets: typer.Typer, table: str, resource_of: Callable[[ServiceNowClient], Resource]
) -> None:
    """Add what follows a ticket."""

    @tickets.command()
    def watch(
        context: typer.Context,
        id: Id,  # noqa: A002 - the API's own name
        interval: Annotated[float, typer.Option(min=1, help="Seconds between looks.")] = 30,
    ) -> None:
        """Print state and notes as they change, until it is over."""
        session: Session = context.obj
        state, seen = None, set[str]()
        with session.client() as client:
            resource = resource_of(client)
            while True:
                record = resource.get(id, display_value="all")
                if record["state"] != state:
                    state = record["state"]
                    _say(session, record["sys_updated_on"], "state", record.label("state"))
                for entry in reversed(resource.notes(record.sys_id)):
                    if entry.sys_id not in seen:
                        seen.add(entry.sys_id)
                        _say(session, entry["sys_created_on"], entry["element"], entry["value"])
                if state in FINAL_STATES[table]:
                    return
                time.sleep(interval)


def _say(session: Session, at: str, what: str, text: str) -> None:
    if session.as_json:
        output.write_line({"at": at, "what": what, "text": text})
    else:
        typer.echo(f"{at} {what}: {text}")


incident = _tickets("incident", "incident", lambda client: client.incidents)
change = _tickets("change", "change_request", lambda client: client.changes)
problem = _tickets("problem", "problem", lambda client: client.problems)


@incident.command()
def resolve(
    context: typer.Context,
    id: Id,  # noqa: A002 - the API's own name
    notes: Text,
    code: Annotated[str | None, typer.Option(help="A close code of the instance.")] = None,
    *,
    dry_run: DryRun = False,
) -> None:
    """Resolve one; without a code, by the instance's own for a solution."""
    values = {"state": "resolved", "close_notes": notes, "close_code": code}
    context.obj.write(
        lambda client: client.incidents,
        values,
        lambda incidents: incidents.close(id, notes, code),
        id=id,
        dry_run=dry_run,
    )


@change.command("close")
def close_change(
    context: typer.Context,
    id: Id,  # noqa: A002 - the API's own name
    notes: Text,
    code: Annotated[
        str, typer.Option(help="successful, successful_issues, unsuccessful")
    ] = "successful",
    *,
    dry_run: DryRun = False,
) -> None:
    """Close one, through the states that its model demands."""
    values = {"state": "closed", "close_notes": notes, "close_code": code}
    context.obj.write(
        lambda client: client.changes,
        values,
        lambda changes: changes.close(id, code, notes),
        id=id,
        dry_run=dry_run,
    )


@change.command()
def move(
    context: typer.Context,
    id: Id,  # noqa: A002 - the API's own name
    state: Annotated[str, typer.Argument(help="As assess, scheduled, implement, review.")],
    *,
    dry_run: DryRun = False,
) -> None:
    """Bring one to a state, through those between."""
    context.obj.write(
        lambda client: client.changes,
        {"state": state},
        lambda changes: changes.move(id, state),
        id=id,
        dry_run=dry_run,
    )


@problem.command("close")
def close_problem(
    context: typer.Context,
    id: Id,  # noqa: A002 - the API's own name
    notes: Text,
    code: Annotated[str, typer.Option(help="fix_applied, risk_accepted, canceled")] = "fix_applied",
    *,
    dry_run: DryRun = False,
) -> None:
    """Close one, through the states that its model demands."""
    values = {"state": "closed", "close_notes": notes, "resolution_code": code}
    context.obj.write(
        lambda client: client.problems,
        values,
        lambda problems: problems.close(id, notes, code),
        id=id,
        dry_run=dry_run,
    )
