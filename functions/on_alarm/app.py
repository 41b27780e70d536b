"""The queue of alarms: a CloudWatch alarm opens an incident, and its end resolves it."""

from actionsync.queues.worker import entrypoint
from actionsync.wiring.events import services

lambda_handler = entrypoint("alarm", services)
