# Generated from servicenow_tools/events.py by `make sync`: change that one.
"""Events for Event Management, which makes alerts of them (documentation: Event Management)."""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from servicenow_tools.errors import InvalidRequestError
from servicenow_tools.records import Record
from servicenow_tools.sync.tables import Instance, Table, as_text


class EventSeverity(StrEnum):
    """How bad an event is; Clear ends the alert of the same message key."""

    CLEAR = "0"
    CRITICAL = "1"
    MAJOR = "2"
    MINOR = "3"
    WARNING = "4"
    INFO = "5"


class Events:
    """The events of one instance, in the table em_event."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._events = Table(instance, "em_event")

    def send(
        self,
        source: str,
        node: str,
        type: str,  # noqa: A002 - the column's name
        severity: EventSeverity | str | int,
        *,
        resource: str | None = None,
        metric_name: str | None = None,
        message_key: str | None = None,
        description: str | None = None,
        time_of_event: datetime | str | None = None,
        additional_info: Mapping[str, Any] | str | None = None,
    ) -> Record:
        """Send an event, and return its record.

        An event whose answer is lost may come twice: Event Management counts both to the one
        alert of their message key.

        Args:
            source: the system that it comes from, as CloudWatch.
            node: the host or service that it is about.
            type: the kind of event, as High CPU.
            severity: a code, or clear, critical, major, minor, warning, info.
            resource: the part of the node, as a disk.
            metric_name: the metric.
            message_key: what all events of one alert share; made by the instance of source, node,
                type, resource and metric if None.
            description: what happened.
            time_of_event: when, text in UTC; the moment of arrival if None.
            additional_info: further facts, or their JSON text; what JSON has no form for goes as
                text.

        Raises:
            PluginMissingError: the instance has no Event Management.
        """
        info = additional_info
        if info is not None and not isinstance(info, str):
            info = json.dumps(info, default=str)
        values = {
            "source": source,
            "node": node,
            "type": type,
            "severity": _severity(severity),
            "resource": resource,
            "metric_name": metric_name,
            "message_key": message_key,
            "description": description,
            "time_of_event": time_of_event,
            "additional_info": info,
        }
        sent = {name: as_text(name, value) for name, value in values.items() if value is not None}
        request = self._events.create_request(sent)
        answer = self._instance.http.send(request, repeatable=True)
        return self._events.written(answer, sent)


def _severity(given: EventSeverity | str | int) -> str:
    text = str(given).strip()
    if text in set(EventSeverity):
        return text
    try:
        return EventSeverity[text.upper()]
    except KeyError:
        names = ", ".join(severity.name.lower() for severity in EventSeverity)
        raise InvalidRequestError(f"must be 0 to 5 or one of: {names}", "severity") from None
