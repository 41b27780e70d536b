"""The queue of deployments: one opens a change request, and its outcome closes it."""

from actionsync.queues.worker import entrypoint

lambda_handler = entrypoint("deployment")
