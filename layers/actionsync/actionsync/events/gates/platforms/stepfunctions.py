"""Step Functions' tasks that wait for a token (API reference: SendTaskSuccess, SendTaskFailure)."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from actionsync import aws
from actionsync.events.gates.platforms.protocol import DecidedElsewhereError, summary

if TYPE_CHECKING:
    from actionsync.events.gates.asked import Asked
    from actionsync.stores.gates import Gate

NAME = "stepfunctions"
LONGEST_SECONDS = 365 * 24 * 3600
# The error that a state machine catches where its deployment may not go on.
REFUSED = "ChangeNotApproved"
_DECIDED = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}
_LONGEST_CAUSE = 32_768


def locate(asked: "Asked") -> "Asked":
    """Return what asks: the token says all."""
    return asked


def is_waiting(asked: "Asked") -> bool:
    """Return whether the task still waits; the question is also its sign of life."""
    try:
        aws.step_functions().send_task_heartbeat(taskToken=asked.place["token"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DECIDED:
            raise
        return False
    return True


def answer(asked: "Asked", gate: "Gate") -> None:
    """Let the task succeed or fail.

    Raises:
        DecidedElsewhereError: it has ended, and not by an answer of ours that was lost.
    """
    token = asked.place["token"]
    try:
        if gate.state == "go":
            known = {
                "gate": gate.id, "state": gate.state, "reason": gate.reason,
                "change_number": gate.number, "change_sys_id": gate.sys_id, "change_url": gate.url,
            }  # fmt: skip
            aws.step_functions().send_task_success(taskToken=token, output=json.dumps(known))
        else:
            cause = summary(gate, _LONGEST_CAUSE)
            aws.step_functions().send_task_failure(taskToken=token, error=REFUSED, cause=cause)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DECIDED:
            raise
        # Nothing says who ended a task: if an answer was about to be given before, it was that one.
        if gate.answers <= 1:
            raise DecidedElsewhereError from None
