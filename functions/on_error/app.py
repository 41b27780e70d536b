"""The queue of errors: an application error becomes an incident, or is told to its incident."""

from actionsync.queues.worker import entrypoint

lambda_handler = entrypoint("error")
