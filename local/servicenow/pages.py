"""Pages for people: signing in, a record with its journal and attachments, and lists.

Plain HTML without scripts, so that who follows a ticket's link sees the ticket. All texts of
records are escaped, and a strict content security policy stands behind that.
"""

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from . import access
from .errors import ApiError, no_record
from .gate import log, with_faults
from .languages import translator
from .store import JOURNALS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .accounts import Account
    from .instance import Instance
    from .schema import Column, Table
    from .store import Row

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Who signs in may be sent on to the application that asks (`/oauth_auth.do`).
_SIGN_IN_POLICY = _HEADERS["Content-Security-Policy"].replace(
    "form-action 'self'", "form-action 'self' https:"
)
_TEMPLATES = Environment(
    loader=PackageLoader(__package__ or "", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# A page of the instance itself, as links to records name it.
_PAGE = re.compile(r"/?([a-z0-9_]+)\.do(\?[^\\]*)?")
_LIST_ROWS = 50
# The columns of a list, as far as a table has them.
_LIST_COLUMNS = ("number", "name", "short_description", "state", "priority", "assignment_group",
                 "assigned_to", "sys_updated_on")  # fmt: skip

# What people fill in; what is left empty stays as it is.
_EDITED = (
    "state", "on_hold", "hold_reason", "on_hold_reason", "assigned_to", "assignment_group",
    "close_code", "close_notes", "start_date", "end_date", "comments", "work_notes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A column as the page shows it; `href` leads to the record that it refers to."""

    label: str
    name: str
    shown: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """What a person may fill in: a text, or one of the choices, by their labels."""

    label: str
    name: str
    choices: list[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a journal."""

    kind: str
    author: str
    moment: str
    text: str


def routes(instance: "Instance") -> list[Route]:
    """Return the pages' routes."""
    pages = _Pages(instance)
    return [
        Route("/", pages.behind_sign_in(pages.home)),
        Route("/login.do", pages.login, methods=["GET", "POST"]),
        Route("/logout.do", pages.logout),
        Route("/oauth_auth.do", pages.behind_sign_in(pages.authorize)),
        Route("/nav_to.do", pages.navigate),
        Route("/now/nav/ui/classic/params/target/{target:path}", pages.navigate),
        Route("/_simulator/page.css", pages.style),
        Route("/sys_attachment.do", pages.behind_sign_in(pages.attachment)),
        Route("/{table}_list.do", pages.behind_sign_in(pages.records)),
        Route("/{table}.do", pages.behind_sign_in(pages.record), methods=["GET"]),
        Route("/{table}.do", pages.save, methods=["POST"]),
    ]


class _Pages:
    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    def behind_sign_in(
        self, page: "Callable[[Request, Account], Response]"
    ) -> "Callable[[Request], Awaitable[Response]]":
        """Wrap a page in what it needs: somebody who signed in, and an error that is a page."""
        instance = self._instance

        async def answer(request: Request) -> Response:
            account = access.account_of_session(
                instance, instance.access, request
            ) or access.account_of(instance, instance.access, request)
            if account is None:
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/login.do?{urlencode({'next': here})}", 302, _HEADERS)
            try:
                response = page(request, account)
            except ApiError as error:
                translate = translator(instance.reader(account).language)
                response = self._page(
                    "message.html", error.status, title=error.text(translate), account=account
                )
            log(instance, request, request.method, account.user_name, response.status_code)
            return response

        async def guarded(request: Request) -> Response:
            return await with_faults(instance, request, request.method, lambda: answer(request))

        return guarded

    # ---- signing in

    async def login(self, request: Request) -> Response:
        """GET shows the form; POST signs in and leads to where one wanted to go."""
        target = _own_page(request.query_params.get("next", "/"))
        if request.method == "GET":
            page = self._page("login.html", title="Log in", target=target, failed=False)
            page.headers["Content-Security-Policy"] = _SIGN_IN_POLICY
            return page
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        cookie = access.sign_in(
            self._instance,
            self._instance.access,
            form.get("user_name", ""),
            form.get("user_password", ""),
        )
        if not cookie:
            return self._page("login.html", 401, title="Log in", target=target, failed=True)
        response = RedirectResponse(target, 303, _HEADERS)
        response.set_cookie(
            access.SESSION_COOKIE, cookie, httponly=True, secure=True, samesite="lax"
        )
        return response

    async def logout(self, request: Request) -> Response:
        """GET ends the session."""
        self._instance.access.sessions.pop(request.cookies.get(access.SESSION_COOKIE, ""), None)
        response = RedirectResponse("/login.do", 303, _HEADERS)
        response.delete_cookie(access.SESSION_COOKIE)
        return response

    def authorize(self, request: Request, account: "Account") -> Response:
        """GET sends who signed in back to the application that asks, with a code.

        An instance asks whether one allows it; here everybody does.
        """
        target = access.authorize(
            self._instance, self._instance.access, account, request.query_params
        )
        return RedirectResponse(target, 302, _HEADERS)

    async def navigate(self, request: Request) -> Response:
        """GET leads from the frame's address to the page inside."""
        target = request.path_params.get("target") or request.query_params.get("uri", "")
        query = f"?{request.url.query}" if "target" in request.path_params else ""
        return RedirectResponse(
            _own_page(f"/{target.lstrip('/')}{query.rstrip('?')}"), 302, _HEADERS
        )

    async def style(self, _: Request) -> Response:
        """GET the style sheet."""
        css = (
            resources.files(__package__ or "").joinpath("templates", "page.css").read_text("utf-8")
        )
        return Response(css, headers=_HEADERS, media_type="text/css")

    # ---- records

    def home(self, _: Request, __: "Account") -> Response:
        """Lead to the list of incidents."""
        return RedirectResponse("/incident_list.do", 302, _HEADERS)

    def record(self, request: Request, account: "Account") -> Response:
        """Show a record, which its sys_id or an encoded query names."""
        table, row = self._find(request, account)
        fields = self._fields(table, row, account)
        reader = self._instance.reader(account)
        return self._page(
            "record.html",
            title=row.get(table.display) or row["sys_id"],
            table=table,
            label=translator(reader.language)(table.label),
            account=account,
            row=row,
            fields=[field for field in fields if field.shown],
            empty=[field for field in fields if not field.shown],
            entries=self._entries(row, account),
            attachments=[
                found
                for found in self._instance.rows("sys_attachment")
                if found["table_sys_id"] == row["sys_id"]
            ],
            related=self._related(table, row, account),
            inputs=self._inputs(table, account),
            is_undecided=table.name == "sysapproval_approver" and row["state"] == "requested",
        )

    async def save(self, request: Request) -> Response:
        """POST changes what a person has filled in, under the instance's own rules."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))

        def saved(request: Request, account: "Account") -> Response:
            table, row = self._find(request, account)
            sent = {
                name: form[name] for name in _EDITED if form.get(name) and name in table.columns
            }
            self._instance.update(table.name, row, sent, account, display_input=True)
            return RedirectResponse(_href(table.name, row["sys_id"]), 303, _HEADERS)

        return await self.behind_sign_in(saved)(request)

    def records(self, request: Request, account: "Account") -> Response:
        """Show the first records that an encoded query finds."""
        table = self._instance.schema.table(request.path_params["table"])
        query = request.query_params.get("sysparm_query", "")
        found = self._instance.visible(
            account, table.name, self._instance.search(table.name, query, account)
        )
        columns = [table.columns[name] for name in _LIST_COLUMNS if name in table.columns]
        translate = translator(self._instance.reader(account).language)
        return self._page(
            "list.html",
            title=translate(table.label),
            table=table,
            account=account,
            query=query,
            total=len(found),
            labels=[translate(column.label) for column in columns],
            rows=[
                (
                    _href(table.name, row["sys_id"]),
                    [self._shown(table, column, row, account) for column in columns],
                )
                for row in found[:_LIST_ROWS]
            ],
        )

    def attachment(self, request: Request, account: "Account") -> Response:
        """Send a file; never to be shown by the browser itself."""
        row = self._instance.find("sys_attachment", request.query_params.get("sys_id", ""))
        if row is None or not self._instance.may_read(account, row["table_name"]):
            raise no_record()
        return Response(
            self._instance.state.contents[row["sys_id"]],
            media_type="application/octet-stream",
            headers={
                **_HEADERS,
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['file_name'])}",
            },
        )

    def _find(self, request: Request, account: "Account") -> "tuple[Table, Row]":
        table = self._instance.schema.table(request.path_params["table"])
        row = self._instance.find(table.name, request.query_params.get("sys_id", ""))
        if row is None and (query := request.query_params.get("sysparm_query", "")):
            row = next(iter(self._instance.search(table.name, query, account)), None)
        if row is None:
            raise no_record()
        owner = self._instance.table_of(table.name, row["sys_id"])
        if not self._instance.may_read(account, owner):
            raise no_record()
        return self._instance.schema.table(owner), row

    def _fields(self, table: "Table", row: "Row", account: "Account") -> list[Field]:
        translate = translator(self._instance.reader(account).language)
        return [
            Field(
                translate(column.label),
                name,
                self._shown(table, column, row, account),
                _href(column.reference, row[name])
                if column.kind == "reference"
                and self._instance.find(column.reference, row.get(name, "")) is not None
                else "",
            )
            for name, column in table.columns.items()
            if column.kind not in {"journal", "password", "encrypted"}
            and (account.has("admin") or not column.hidden)
        ]

    def _inputs(self, table: "Table", account: "Account") -> list[Input]:
        """Return what a person may fill in: columns with choices have those, others a text."""
        reader = self._instance.reader(account)
        translate = translator(reader.language)
        return [
            Input(
                translate(column.label),
                name,
                list(
                    self._instance.choice_labels(
                        table.name, name, reader.language, active=True
                    ).values()
                )
                or (["true", "false"] if column.kind == "boolean" else []),
            )
            for name in _EDITED
            if (column := table.columns.get(name)) is not None
            and not (name == "state" and table.name == "sysapproval_approver")
        ]

    def _shown(self, table: "Table", column: "Column", row: "Row", account: "Account") -> str:
        value = row.get(column.name, "")
        shown = self._instance.shown(table.name, column, value, self._instance.reader(account))
        return shown or value

    def _entries(self, row: "Row", account: "Account") -> list[Entry]:
        reader = self._instance.reader(account)
        translate = translator(reader.language)
        moment = self._instance.schema.table("sys_journal_field").columns["sys_created_on"]
        return [
            Entry(
                translate(JOURNALS[entry["element"]]),
                self._instance.full_name(entry["sys_created_by"]),
                self._instance.display(moment, entry["sys_created_on"], reader),
                entry["value"],
            )
            for entry in reversed(
                self._instance.journal_entries(row["sys_id"], "comments_and_work_notes")
            )
        ]

    def _related(
        self, table: "Table", row: "Row", account: "Account"
    ) -> list[tuple[str, list[Field]]]:
        """Return what belongs to a record: tasks of a change, for instance."""
        found = []
        for name, column in _RELATED.get(table.name, ()):
            related = self._instance.schema.table(name)
            if not self._instance.may_read(account, name):
                continue
            fields = [
                Field(
                    self._shown(related, related.columns[related.display], other, account),
                    name,
                    other.get("short_description", "") or other.get("state", ""),
                    _href(name, other["sys_id"]),
                )
                for other in self._instance.rows(name)
                if other[column] == row["sys_id"]
            ]
            if fields:
                found.append((related.label, fields))
        return found

    def _page(
        self,
        template: str,
        status: int = 200,
        account: "Account | None" = None,
        **values: object,
    ) -> Response:
        language = self._instance.reader(account).language
        text = _TEMPLATES.get_template(template).render(
            **values, account=account, language=language
        )
        return HTMLResponse(text, status, headers=_HEADERS)


_RELATED = {
    "change_request": (
        ("change_task", "change_request"), ("sysapproval_approver", "sysapproval"),
        ("task_ci", "task"),
    ),
    "problem": (("problem_task", "problem"), ("incident", "problem_id")),
}  # fmt: skip


def _href(table: str, sys_id: str) -> str:
    return f"/{table}.do?{urlencode({'sys_id': sys_id})}"


def _own_page(target: str) -> str:
    """Return a page of this instance: the target, or the home page if it is not one."""
    found = _PAGE.fullmatch(target)
    return f"/{found[1]}.do{found[2] or ''}" if found else "/"
