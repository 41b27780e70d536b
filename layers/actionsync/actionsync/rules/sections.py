"""What the parts of the rules' document share."""

import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# The sources that are code, in `events/sources`; then those that are recipes there.
SOURCES = (
    "application", "cloudwatch", "codedeploy", "codepipeline", "deployments", "github", "meetings",
)  # fmt: skip
RECIPES = tuple(
    sorted(file.stem for file in (Path(__file__).parent.parent / "events/sources").glob("*.toml"))
)
# An owner's own recipe, by its name.
OWN = re.compile(r"custom\.[a-z][a-z0-9_-]{0,49}")
# Sources that count each repeat as an occurrence; of others, some or all say only "still so".
OCCURRENCES = frozenset(
    {"application", "autoscaling", "backup", "codebuild", "datasync", "ec2", "emr", "generic",
     "glue", "jenkins", "lambda", "logs", "rds", "secretsmanager", "signin", "stepfunctions",
     "synthetics", "transfer"}
)  # fmt: skip
# Sources that say of nothing that it is over; those of applications do, where they name it.
WITHOUT_ENDS = frozenset(
    {"application", "budgets", "cost_anomaly", "dlm", "kms", "logs", "sagemaker", "signin"}
)
# Sources that send a thing once: their silence says nothing.
SENT_ONCE = frozenset(
    {"azure", "budgets", "cloudwatch", "codedeploy", "codepipeline", "config", "cost_anomaly",
     "deployments", "devops_guru", "dlm", "dms", "ecr", "gcloud", "github", "gitlab",
     "jira_operations", "kibana", "kms", "meetings", "newrelic", "pagerduty", "sagemaker",
     "security_ir", "sentry", "support", "trustedadvisor"}
)  # fmt: skip


# How the parts of the rules' document are read.
STRICT = ConfigDict(extra="forbid", strict=True)


class Section(BaseModel):
    """A part of the rules' document."""

    model_config = STRICT


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("must be a time zone as Europe/Berlin") from None
    return name


TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
ZoneName = Annotated[str, Field(max_length=60), AfterValidator(_zone)]
