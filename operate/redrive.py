"""`actionsync redrive`: put a stack's dead letters back into their queues.

They hold what crashed its function, or could not be recorded; what failed otherwise is an item of
the table of what waits. Each letter goes to the queue that it came from, with the moment at which
it was first received. An event that was half done goes on where it stopped. A letter that comes
back meanwhile is left where it is.
"""

import uuid
from argparse import ArgumentParser, Namespace
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import boto3

from .outcome import DONE, Progress, Say

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

KINDS = ("Error", "Alarm", "Deployment", "Meeting", "Event")

# Waiting at all asks every server of the queue: an empty answer means that it is empty (Amazon SQS
# developer guide: Short and long polling).
WAIT_SECONDS = 1
# For so long a letter is hidden from others while it is moved.
_HIDDEN_SECONDS = 300
# Which run put a letter back.
_RUN = "redriven_by"


def redrive(
    sqs: "SQSClient",
    outputs: dict[str, str],
    kinds: tuple[str, ...] = KINDS,
    say: Say = lambda _: None,
) -> int:
    """Put dead letters back.

    Args:
        sqs: where the queues are.
        outputs: the stack's outputs, which name the queues.
        kinds: the kinds of events whose letters are meant.
        say: is called with how far it is.

    Returns:
        How many there were.
    """
    run, moved = uuid.uuid4().hex, 0
    with ThreadPoolExecutor(max_workers=10) as at_once:
        for kind in kinds:
            letters, queue = outputs[f"{kind}DeadLettersUrl"], outputs[f"{kind}QueueUrl"]
            requeue = partial(_requeue, sqs, letters, queue, run)
            while messages := [
                message
                for message in sqs.receive_message(
                    QueueUrl=letters,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=_HIDDEN_SECONDS,
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["SentTimestamp"],
                    WaitTimeSeconds=WAIT_SECONDS,
                ).get("Messages", [])
                if _run_of(message) != run
            ]:
                moved += len(list(at_once.map(requeue, messages)))
                say(f"{moved} dead letters are back in their queues so far ({kind})")
    return moved


def _run_of(message: "MessageTypeDef") -> str | None:
    attributes = message.get("MessageAttributes", {})
    return attributes[_RUN].get("StringValue") if _RUN in attributes else None


def _requeue(
    sqs: "SQSClient", letters: str, queue: str, run: str, message: "MessageTypeDef"
) -> None:
    receipt: MessageAttributeValueTypeDef = {
        "DataType": "Number",
        "StringValue": message["Attributes"]["SentTimestamp"],
    }
    # In this order: whoever is interrupted leaves an event twice, which counts once.
    sqs.send_message(
        QueueUrl=queue,
        MessageBody=message["Body"],
        MessageAttributes={
            "received_at": receipt,
            **message.get("MessageAttributes", {}),
            _RUN: {"DataType": "String", "StringValue": run},
        },
    )
    sqs.delete_message(QueueUrl=letters, ReceiptHandle=message["ReceiptHandle"])


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--kind", choices=KINDS, action="append", help="default: all")


def run(arguments: Namespace) -> int:
    """Put the dead letters of a stack back."""
    stacks = boto3.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    kinds = tuple(arguments.kind or KINDS)
    moved = redrive(boto3.client("sqs"), outputs, kinds, Progress())
    print(f"{moved} events are back in their queues.")
    return DONE
