"""The queue of all other events, and of what was released from waiting: recipes make tickets of it."""

from actionsync.queues.worker import entrypoint
from actionsync.wiring.events import services

lambda_handler = entrypoint(None, services)
