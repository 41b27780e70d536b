"""The routes of tickets: each function here gives an app one operation on one ticket type."""

from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import Response

from actionsync.http.api import (
    FileBody,
    IdempotencyKey,
    created,
    disposition,
    json_body,
    ok,
    query,
)
from actionsync.http.callers import ConnectionCaller
from actionsync.runtime import run
from actionsync.tickets.models import Cancellation, NewAttachment, NewImport, NewWorkNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver as Api

    from actionsync.http.callers import Caller
    from actionsync.tickets.service import TicketService
    from actionsync.tickets.types import TicketType

    TicketsOf = Callable[[Caller], TicketService]

_ROOT = "/api/servicenow"


def create(app: "Api", ticket_type: "TicketType", tickets_of: "TicketsOf") -> None:
    """Add POST /{tickets}."""

    @app.post(f"{_ROOT}/{ticket_type.segment}")
    def create_record(
        caller: ConnectionCaller,
        new: Annotated[Any, json_body(ticket_type.new)],
        idempotency_key: IdempotencyKey,
    ) -> Response[str]:
        """Answer 201 with the ticket."""
        return created(run(tickets_of(caller).create(ticket_type, new, idempotency_key)))


def import_row(app: "Api", tickets_of: "TicketsOf") -> None:
    """Add POST /import-sets/{staging}."""

    @app.post(f"{_ROOT}/import-sets/<staging>")
    def create_import(
        staging: str,
        caller: ConnectionCaller,
        new: Annotated[NewImport, json_body(NewImport)],
        idempotency_key: IdempotencyKey,
    ) -> Response[str]:
        """Answer 201 with what each transform made of the row: status, table, sys_id, number."""
        return created(run(tickets_of(caller).import_row(staging, new, idempotency_key)))


def get(app: "Api", ticket_type: "TicketType", tickets_of: "TicketsOf") -> None:
    """Add GET /{tickets}/{id}."""

    @app.get(f"{_ROOT}/{ticket_type.segment}/<record_id>")
    def get_record(record_id: str, caller: ConnectionCaller) -> Response[str]:
        """Answer 200 with the ticket, or 404."""
        return ok(run(tickets_of(caller).get(ticket_type, record_id)))


def update(app: "Api", ticket_type: "TicketType", tickets_of: "TicketsOf") -> None:
    """Add PATCH /{tickets}/{id}."""

    @app.patch(f"{_ROOT}/{ticket_type.segment}/<record_id>")
    def update_record(
        record_id: str,
        caller: ConnectionCaller,
        change: Annotated[Any, json_body(ticket_type.change)],
        idempotency_key: IdempotencyKey,
    ) -> Response[str]:
        """Answer 200 with the ticket as it is then."""
        tickets = tickets_of(caller)
        return ok(run(tickets.update(ticket_type, record_id, change, idempotency_key)))


def close(app: "Api", ticket_type: "TicketType", tickets_of: "TicketsOf") -> None:
    """Add POST /{tickets}/{id}/close."""

    @app.post(f"{_ROOT}/{ticket_type.segment}/<record_id>/close")
    def close_record(
        record_id: str,
        caller: ConnectionCaller,
        closing: Annotated[Any, json_body(ticket_type.closing)],
        idempotency_key: IdempotencyKey,
    ) -> Response[str]:
        """Answer 200 with the ticket as it is then, or 409 where its state forbids it."""
        tickets = tickets_of(caller)
        return ok(run(tickets.close(ticket_type, record_id, closing, idempotency_key)))


def cancel(app: "Api", ticket_type: "TicketType", tickets_of: "TicketsOf") -> None:
    """Add POST /{tickets}/{id}/cancel."""

    @app.post(f"{_ROOT}/{ticket_type.segment}/<record_id>/cancel")
    def cancel_record(
        record_id: str,
        caller: ConnectionCaller,
        cancellation: Annotated[Cancellation, json_body(Cancellation)],
        idempotency_key: IdempotencyKey,
    ) -> Response[str]:
        """Answer 200 with the ticket as it is then, or 409 where its state forbids it."""
        tickets = tickets_of(caller)
        return ok(run(tickets.cancel(ticket_type, record_id, cancellation, idempotency_key)))


def note(app: "Api", segment: str, table: str, tickets_of: "TicketsOf") -> None:
    """Add POST /{segment}/{id}/work-notes for a table's records."""

    @app.post(f"{_ROOT}/{segment}/<record_id>/work-notes")
    def note_record(
        record_id: str,
        caller: ConnectionCaller,
        new: Annotated[NewWorkNote, json_body(NewWorkNote)],
        idempotency_key: IdempotencyKey,
    ) -> Response[str]:
        """Answer 201 with the record that carries the note."""
        return created(
            run(tickets_of(caller).add_work_note(table, record_id, new, idempotency_key))
        )


def attach(app: "Api", ticket_type: "TicketType", tickets_of: "TicketsOf") -> None:
    """Add POST /{tickets}/{id}/attachments."""

    @app.post(f"{_ROOT}/{ticket_type.segment}/<record_id>/attachments")
    def create_attachment(
        record_id: str,
        caller: ConnectionCaller,
        new: Annotated[NewAttachment, query(NewAttachment, disposition)],
        file: FileBody,
        idempotency_key: IdempotencyKey,
    ) -> Response[str]:
        """Answer 201 with the attachment: its name, size, type, hash and links."""
        tickets = tickets_of(caller)
        return created(
            run(
                tickets.attach(
                    ticket_type,
                    record_id,
                    new,
                    idempotency_key,
                    content=file.content,
                    content_type=file.content_type,
                )
            )
        )


def attachments(app: "Api", ticket_type: "TicketType", tickets_of: "TicketsOf") -> None:
    """Add GET /{tickets}/{id}/attachments."""

    @app.get(f"{_ROOT}/{ticket_type.segment}/<record_id>/attachments")
    def list_attachments(record_id: str, caller: ConnectionCaller) -> Response[str]:
        """Answer 200 with what is attached to a ticket, oldest first, 1,000 files at most."""
        return ok(run(tickets_of(caller).attachments(ticket_type, record_id)))
