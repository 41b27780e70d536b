"""ActionSync for ServiceNow: the application that the functions share."""

from actionsync import collector

collector.pause()
