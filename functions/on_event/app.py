"""The queue of events: what was released from waiting goes on to its ticket."""

from actionsync.queues.worker import entrypoint
from actionsync.wiring.events import services

lambda_handler = entrypoint(None, services)
