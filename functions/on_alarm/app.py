"""The queue of alarms: a CloudWatch alarm opens an incident, and its end resolves it."""

from actionsync.queues.worker import entrypoint

lambda_handler = entrypoint("alarm")
