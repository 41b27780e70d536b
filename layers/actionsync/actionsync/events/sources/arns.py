"""ARNs, and the consoles they lead to: each partition has its own."""

from typing import NamedTuple

_CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://{region}.console.amazonaws.cn",
    "aws-us-gov": "https://{region}.console.amazonaws-us-gov.com",
}
_PARTS = 6


class Arn(NamedTuple):
    """The parts of an ARN; a text that is none has empty parts."""

    partition: str = ""
    service: str = ""
    region: str = ""
    account: str = ""
    resource: str = ""


def parse(text: str) -> Arn:
    """Return the parts of an ARN."""
    parts = text.split(":", _PARTS - 1)
    return Arn(*parts[1:]) if len(parts) == _PARTS and parts[0] == "arn" else Arn()


def partition_of(region: str) -> str:
    """Return a region's partition."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def console(region: str, path: str, partition: str = "") -> str:
    """Return an address in the console of a region, or nothing where there is no region.

    Args:
        region: the region; `{region}` in the path stands for it.
        path: the path, with query and fragment.
        partition: the partition; by default the region's own.
    """
    host = _CONSOLES.get(partition or partition_of(region))
    if host is None or not region:
        return ""
    return f"{host.format(region=region)}/{path.replace('{region}', region)}"
