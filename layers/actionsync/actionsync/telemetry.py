"""The functions' logger and metrics: JSON lines, each with API Gateway's request id.

A line without a level counts as INFO where Lambda filters, metrics among them, and Powertools
prefers Lambda's level to its own. So the template has Lambda let everything from INFO on through
at every `LogLevel`, and here the level is the logger's alone. The audit trail's lines pass always.
"""

import logging
import os

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
logging.getLogger(logger.name).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
# A child has a level of its own, and the parent's way out.
audit_logger = Logger(child=True, level="INFO")

metrics = Metrics(namespace="ActionSync")
# Stacks of one account and region share the namespace.
metrics.set_default_dimensions(stack=os.environ.get("STACK_NAME", "actionsync"))
