"""The error tree: drawn as it is, and safe to hand on."""

import pickle
import re
from pathlib import Path

import pytest

from servicenow_tools import errors

CLASSES = [
    value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("_")
]


def test_the_drawing_is_the_tree() -> None:
    """The module's docstring names each class, indented below its parent."""
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([\s│├└─]*)([A-Z]\w+Error)\b", line)
        if found:
            depth, name = len(found[1]), found[2]
            path = [step for step in path if step[0] < depth]
            drawn[name] = path[-1][1] if path else "Exception"
            path.append((depth, name))
    real = {
        kind.__name__: next(
            base.__name__ for base in kind.__mro__[1:] if not base.__name__.startswith("_")
        )
        for kind in CLASSES
    }
    assert drawn == real


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_survives_a_pickle(kind: type[errors.ServiceNowError]) -> None:
    """Errors cross process boundaries with all they know."""
    error: errors.ServiceNowError
    if issubclass(kind, errors.ResponseError):
        error = kind(503, "message", "detail", transaction_id="t", maybe_applied=True)
    elif issubclass(kind, errors.RequestTimeoutError | errors.ConnectionLostError):
        error = kind("text", maybe_applied=True)
    elif issubclass(kind, errors.InvalidRequestError):
        error = kind("text", "field")
    else:
        error = kind("text")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error))


def test_servicenows_words_come_first() -> None:
    """The text is ServiceNow's own, then what to do about it."""
    error = errors.AuthenticationError(401, "User Not Authenticated", "Required to provide Auth")
    text = "User Not Authenticated: Required to provide Auth. Check the user name and the password"
    assert str(error).startswith(text)
    assert str(errors.NotFoundError(404)) == "HTTP status 404."


def test_the_guide_lists_every_error() -> None:
    """With what to do about it."""
    guide = (Path(__file__).parents[3] / "docs/client.md").read_text()
    listed = set(re.findall(r"`(\w+Error)`", guide.partition("| error |")[2].partition("\n\n")[0]))
    assert listed == {kind.__name__ for kind in CLASSES} - {"ServiceNowError"}
