"""`make redrive`: put a stack's dead letters back into their queues.

They hold what crashed its function, or could not be recorded; what failed otherwise is an item of
the table of what waits. Each letter goes to the queue that it came from, with the moment at which
it was first received. An event that was half done goes on where it stopped.
"""

import argparse
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

KINDS = ("Error", "Alarm", "Deployment", "Meeting", "Event")


def redrive(sqs: "SQSClient", outputs: dict[str, str], kinds: tuple[str, ...] = KINDS) -> int:
    """Put dead letters back.

    Args:
        sqs: where the queues are.
        outputs: the stack's outputs, which name the queues.
        kinds: the kinds of events whose letters are meant.

    Returns:
        How many there were.
    """
    moved = 0
    for kind in kinds:
        letters, queue = outputs[f"{kind}DeadLettersUrl"], outputs[f"{kind}QueueUrl"]
        while messages := sqs.receive_message(
            QueueUrl=letters,
            MaxNumberOfMessages=10,
            VisibilityTimeout=300,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
            WaitTimeSeconds=1,
        ).get("Messages"):
            for message in messages:
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
                    },
                )
                sqs.delete_message(QueueUrl=letters, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
    return moved


def main() -> None:
    """Put the dead letters of a stack back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--kind", choices=KINDS, action="append", help="default: all")
    arguments = parser.parse_args()
    stacks = boto3.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    moved = redrive(boto3.client("sqs"), outputs, tuple(arguments.kind or KINDS))
    print(f"{moved} events are back in their queues.")


if __name__ == "__main__":
    main()
