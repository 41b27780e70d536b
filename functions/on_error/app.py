"""The queue of errors: an application error becomes an incident, or is noted on its incident."""

from actionsync.queues.worker import entrypoint
from actionsync.wiring.events import services

lambda_handler = entrypoint("error", services)
