"""CodePipeline's manual approvals (API reference: PutApprovalResult, ListActionExecutions)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from actionsync import aws
from actionsync.events.gates.platforms.protocol import DecidedElsewhereError, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_codepipeline.client import CodePipelineClient

    from actionsync.events.gates.asked import Asked
    from actionsync.stores.gates import Gate

NAME = "codepipeline"
LONGEST_SECONDS = 7 * 24 * 3600
_LONGEST_SUMMARY = 512
_DECIDED = {"InvalidApprovalTokenException", "ApprovalAlreadyCompletedException"}
_WAITS = "InProgress"
# Of a pipeline's actions so many pages are looked at, the newest first.
_MOST_PAGES = 5


def locate(asked: "Asked") -> "Asked":
    """Return what asks, with the execution that waits at the approval.

    In the mode PARALLEL several wait there at once, each with its token as external id; in the
    others only one does.

    Raises:
        DecidedElsewhereError: none waits there.
    """
    if "execution" in asked.place:
        return asked
    waiting = [found for found in _executions(asked) if found["status"] == _WAITS]
    by_token = [found for found in waiting if _result(found, "Id") == asked.place["token"]]
    found = by_token[0] if by_token else (waiting[0] if len(waiting) == 1 else None)
    if found is None:
        raise DecidedElsewhereError
    return replace(asked, place={**asked.place, "execution": found["pipelineExecutionId"]})


def is_waiting(asked: "Asked") -> bool:
    """Return whether the approval of the execution is still open."""
    return any(found["status"] == _WAITS for found in _executions(asked))


def answer(asked: "Asked", gate: "Gate") -> None:
    """Approve or reject.

    Raises:
        DecidedElsewhereError: somebody else has, or its time is over.
    """
    place = asked.place
    try:
        _client(asked).put_approval_result(
            pipelineName=place["pipeline"],
            stageName=place["stage"],
            actionName=place["action"],
            token=place["token"],
            result={
                "status": "Approved" if gate.state == "go" else "Rejected",
                "summary": summary(gate, _LONGEST_SUMMARY),
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DECIDED:
            raise
        if not any(gate.id in _result(found, "Summary") for found in _executions(asked)):
            raise DecidedElsewhereError from None


def _executions(asked: "Asked") -> "Iterator[Any]":
    """Yield the executions of the approval's action, the newest first; of one run, once known."""
    place = asked.place
    options: dict[str, Any] = {"pipelineName": place["pipeline"], "maxResults": 100}
    if "execution" in place:
        options["filter"] = {"pipelineExecutionId": place["execution"]}
    for _ in range(_MOST_PAGES):
        page = _client(asked).list_action_executions(**options)
        for found in page["actionExecutionDetails"]:
            if (found["stageName"], found["actionName"]) == (place["stage"], place["action"]):
                yield found
        if "nextToken" not in page:
            return
        options["nextToken"] = page["nextToken"]


def _result(found: Any, part: str) -> str:
    result = found.get("output", {}).get("executionResult", {})
    return str(result.get(f"externalExecution{part}", ""))


def _client(asked: "Asked") -> "CodePipelineClient":
    return aws.codepipeline(asked.place["region"])
