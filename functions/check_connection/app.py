"""The scheduled check: whether the automation user's connection works, as a metric."""

from actionsync.wiring.checks import run_check

lambda_handler = run_check
