"""The queue of deployments: one opens a change request, and its outcome closes it."""

from actionsync.queues.worker import entrypoint
from actionsync.wiring.events import services

lambda_handler = entrypoint("deployment", services)
