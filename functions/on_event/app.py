"""The queue of events: those without a queue of their own, and what was released from waiting."""

from actionsync.queues.worker import entrypoint
from actionsync.wiring.events import services

lambda_handler = entrypoint(None, services)
