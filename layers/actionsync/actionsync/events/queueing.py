"""Messages for the queue of events: those of one owner are one group of SQS's fair queues."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from actionsync.errors import QueueRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs.client import SQSClient

_AT_ONCE = 10


def group_of(owner: str, timer: str = "") -> str:
    """Return the group of an owner's messages; an owner's id may hold what a group's may not.

    Gates have one of their own, so that they are not behind a storm of their owner's events.
    """
    name = f"{owner}#{timer}" if timer == "gates" else owner
    return hashlib.sha256(name.encode()).hexdigest()


def queue(
    sqs: "SQSClient",
    queue_url: str,
    owner: str,
    messages: "Iterable[str]",
    *,
    delay: int = 0,
    timer: str = "",
) -> None:
    """Queue an owner's messages, or prompts of a kind of timers, to be seen after some seconds.

    Raises:
        QueueRefusedError: not all of them were taken.
    """
    group = group_of(owner, timer)

    def send(message: str) -> None:
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=message,
            MessageGroupId=group,
            DelaySeconds=delay,
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            list(pool.map(send, messages))
        except Exception as error:
            raise QueueRefusedError from error
