"""ActionSync for ServiceNow: the application that the functions share."""

from actionsync import gc_freeze

gc_freeze.pause()
