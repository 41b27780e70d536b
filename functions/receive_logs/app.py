"""Lines of log groups, by subscription filters of CloudWatch Logs: queued as events."""

from actionsync.wiring.logs import receive_logs

lambda_handler = receive_logs
