"""The functions' logger: JSON lines, each with API Gateway's request id."""

from aws_lambda_powertools import Logger

logger = Logger()
