"""The platforms that hear what was decided: one file each beside this one, and one entry."""

from typing import TYPE_CHECKING

from actionsync.events.gates.platforms import codepipeline, stepfunctions

if TYPE_CHECKING:
    from actionsync.events.gates.platforms.protocol import Platform

PLATFORMS: "dict[str, Platform]" = {
    platform.NAME: platform for platform in (codepipeline, stepfunctions)
}
