"""The queue of meetings: an action item becomes an incident."""

from actionsync.queues.worker import entrypoint
from actionsync.wiring.events import services

lambda_handler = entrypoint("meeting", services)
