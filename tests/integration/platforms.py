"""CodePipeline and Step Functions as far as gates ask them: the local AWS has no CodePipeline.

Each request is checked against botocore's model of the service before it is answered, and each
answer before it is returned, so that neither holds what the service does not know.
"""

import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.stub import Stubber
from botocore.validate import validate_parameters


@dataclass
class Platforms:
    """What waits there, and what it was told.

    Attributes:
        approvals: approvals by their tokens: pipeline, stage, action, execution, status, summary.
        tasks: whether tasks wait, by their tokens.
        told: the answers to tasks.
        refuses: the code of the error that each call meets; empty for none.
        loses: whether the next answer takes effect, while the caller never hears so.
    """

    approvals: dict[str, dict[str, str]] = field(default_factory=dict)
    tasks: dict[str, bool] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    refuses: str = ""
    loses: bool = False
    calls: list[str] = field(default_factory=list)

    def wait(self, pipeline: str, stage: str = "Approve", action: str = "Change") -> str:
        """Let an execution wait at an approval, and return the token of that."""
        token = str(uuid.uuid4())
        self.approvals[token] = {
            "pipeline": pipeline, "stage": stage, "action": action,
            "execution": str(uuid.uuid4()), "status": "InProgress", "summary": "",
        }  # fmt: skip
        return token

    def call(self, client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        """Answer a call of botocore's."""
        model = client.meta.service_model.operation_model(operation)
        validate_parameters(arguments, model.input_shape)
        self.calls.append(operation)
        if self.refuses:
            raise _error(self.refuses, operation)
        answer = getattr(self, f"_{operation}")(arguments, operation)
        with Stubber(
            _client(client.meta.service_model.service_name)
        ) as checked:  # checks an answer against the model
            checked.add_response(_method(client, operation), answer)
        if self.loses and operation not in {"ListActionExecutions", "SendTaskHeartbeat"}:
            self.loses = False
            raise _error("InternalError", operation)
        return answer

    def _ListActionExecutions(self, asked: dict[str, Any], _: str) -> Any:  # noqa: N802
        execution = asked.get("filter", {}).get("pipelineExecutionId")
        return {
            "actionExecutionDetails": [
                {
                    "pipelineExecutionId": known["execution"],
                    "stageName": known["stage"],
                    "actionName": known["action"],
                    "status": known["status"],
                    "output": {
                        "executionResult": {
                            "externalExecutionId": token,
                            "externalExecutionSummary": known["summary"],
                        }
                    },
                }
                for token, known in self.approvals.items()
                if known["pipeline"] == asked["pipelineName"]
                and execution in {None, known["execution"]}
            ]
        }

    def _PutApprovalResult(self, asked: dict[str, Any], operation: str) -> Any:  # noqa: N802
        known = self.approvals.get(asked["token"])
        if known is None:
            raise _error("InvalidApprovalTokenException", operation)
        if known["status"] != "InProgress":
            raise _error("ApprovalAlreadyCompletedException", operation)
        is_approved = asked["result"]["status"] == "Approved"
        known["status"] = "Succeeded" if is_approved else "Failed"
        known["summary"] = asked["result"]["summary"]
        return {}

    def _SendTaskHeartbeat(self, asked: dict[str, Any], operation: str) -> Any:  # noqa: N802
        if not self.tasks.get(asked["taskToken"]):
            raise _error("TaskTimedOut", operation)
        return {}

    def _SendTaskSuccess(self, asked: dict[str, Any], operation: str) -> Any:  # noqa: N802
        return self._end(asked["taskToken"], asked["output"], operation)

    def _SendTaskFailure(self, asked: dict[str, Any], operation: str) -> Any:  # noqa: N802
        return self._end(asked["taskToken"], f"{asked['error']}: {asked['cause']}", operation)

    def _end(self, token: str, said: str, operation: str) -> Any:
        if not self.tasks.get(token):
            raise _error("TaskTimedOut", operation)
        self.tasks[token] = False
        self.told.append((token, said))
        return {}


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


@cache
def _client(service: str) -> Any:
    return Session().create_client(
        service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def _method(client: Any, operation: str) -> str:
    names = client.meta.method_to_api_mapping.items()
    return str(next(name for name, known in names if known == operation))
