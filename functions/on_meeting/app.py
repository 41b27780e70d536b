"""The queue of meetings: an action item becomes an incident."""

from actionsync.queues.worker import entrypoint

lambda_handler = entrypoint("meeting")
