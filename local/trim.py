"""`python -m local.trim <folder>`: take out of a built layer what no function loads.

And out of functions with requirements of their own what the layer has already.

botocore ships a model of every AWS service, with its documentation; Powertools and pydantic ship
parts that the functions do not import. What Lambda does not unpack does not slow a cold start, and
a model without its prose is read in a fraction of the time. Run by `make build`.
"""

import gzip
import json
import re
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from botocore import xform_name

# The clients that the functions make.
_CLIENTS = Path(__file__).parent.parent / "layers/actionsync/actionsync/aws.py"
# Whose code calls those clients: an operation whose method no word of it names is called by nobody.
_CALLERS = ("layers/actionsync", "functions")
# Of a service's files, these are read by clients; the rest are examples, pages and waiters.
_MODEL_FILES = {"service-2", "service-2.sdk-extras", "endpoint-rule-set-1", "paginators-1"}

# Folders and files of the layer that nothing imports on any function's path.
UNUSED = (
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.js",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.css",
    *(f"aws_lambda_powertools/utilities/{name}"
      for name in ("auth_alpha", "circuit_breaker", "data_masking", "feature_flags", "idempotency",
                   "kafka", "parameters", "parser", "streaming", "validation")),
    # boto3's resources: the functions use clients.
    "boto3/data/*", "boto3/examples",
    "boto3/dynamodb/[ct]*.py", "boto3/s3/inject.py", "boto3/s3/transfer.py",
    "botocore/stub.py", "botocore/crt/auth.py", "s3transfer/processpool.py",
    "pydantic/v1",
    "pydantic/mypy.py", "pydantic/experimental/pipeline.py", "annotated_types/test_cases.py",
    "pydantic/color.py",
    # What Powertools reads of services that invoke no function here.
    "aws_lambda_powertools/metrics/provider/datadog",
    *(f"aws_lambda_powertools/utilities/data_classes/{name}_event.py"
      for name in ("api_gateway_authorizer", "cognito_user_pool", "iot_registry", "s3_object")),
    "pystache/tests",
    # What httpx brings for trio and HTTP/2.
    "anyio/_backends/_trio.py", "anyio/pytest_plugin.py", "httpcore/_*/http2.py",
    # What they have for programs, other processes and Windows.
    "anyio/itertools.py", "anyio/to_interpreter.py", "dateutil/tz/win.py",
    "urllib3/contrib/emscripten", "urllib3/contrib/pyopenssl.py", "urllib3/http2/connection.py",
    "dateutil/rrule.py",
    # Time zones and certificates come from Lambda and certifi.
    "dateutil/zoneinfo/*.tar.gz", "botocore/cacert.pem",
    "s3transfer/crt.py",
    "*.dist-info/RECORD", "*.dist-info/sboms", "*.data/scripts",
    # For type checkers.
    "*/*.pyi", "*/*/*.pyi",
)  # fmt: skip

# The same of functions with requirements of their own: what `mcp` brings for its clients, and for
# servers that listen.
UNUSED_OF_ITS_OWN = (
    # A client checks answers by their schemas, signs in and connects.
    "attr*", "jsonschema*", "referencing*", "rpds*", "jwt", "pyjwt-*", "httpcore2*", "truststore*",
    # What made the compiled part of cffi, which alone is loaded.
    "cffi*", "pycparser*",
    "mcp/cli", "uvicorn/protocols",
    "*.dist-info/RECORD", "*.dist-info/sboms",
    # For type checkers.
    *(f"{'*/' * depth}*.pyi" for depth in range(1, 7)),
)  # fmt: skip


def services() -> set[str]:
    """Return the AWS services that the functions have clients for."""
    found = set(re.findall(r'\.client\("([a-z0-9-]+)"', _CLIENTS.read_text()))
    if not found:
        raise RuntimeError(f"No clients found in {_CLIENTS}")
    return found


@cache
def _words() -> frozenset[str]:
    root = Path(__file__).parent.parent
    sources = (path.read_text() for folder in _CALLERS for path in (root / folder).rglob("*.py"))
    return frozenset(word for source in sources for word in re.findall(r"\w+", source))


def trim(layer: Path) -> None:
    """Take out of a layer's folder what no function loads; a second time changes nothing."""
    _take_out(layer, UNUSED)
    data = layer / "botocore/data"
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in services():
            shutil.rmtree(folder)
    for service in services():
        *older, newest = sorted((data / service).iterdir())
        for folder in older:
            shutil.rmtree(folder)
        for file in newest.iterdir():
            _trim_model(file)
    _trim_endpoints(data / "endpoints.json")


def leave_out(function: Path, layer: Path) -> None:
    """Take out of a function what it does not load, and what its layer has.

    `make lock` gives both the same versions.
    """
    _take_out(function, UNUSED_OF_ITS_OWN)
    for path in function.iterdir():
        if (layer / path.name).exists() and path.name != "__pycache__":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _take_out(folder: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _trim_model(file: Path) -> None:
    """Drop a model's prose, and write it as plain JSON, which botocore looks for first."""
    name = file.name.removesuffix(".gz").removesuffix(".json")
    if name not in _MODEL_FILES:
        file.unlink()
        return
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    file.unlink()
    model = _without_prose(json.loads(text))
    if "operations" in model:
        _trim_operations(model)
    (file.parent / f"{name}.json").write_text(_compact(model))


def _trim_operations(model: dict[str, Any]) -> None:
    """Drop the operations that nobody calls, and the shapes that are theirs alone."""
    model["operations"] = {
        name: operation
        for name, operation in model["operations"].items()
        if xform_name(name) in _words() or operation.get("endpointoperation")
    }
    wanted: set[str] = set()
    ahead: list[Any] = [model["operations"]]
    while ahead:
        node = ahead.pop()
        if isinstance(node, dict):
            named = node.get("shape")
            if isinstance(named, str) and named in model["shapes"] and named not in wanted:
                wanted.add(named)
                ahead.append(model["shapes"][named])
            ahead += node.values()
        elif isinstance(node, list):
            ahead += node
    model["shapes"] = {name: shape for name, shape in model["shapes"].items() if name in wanted}


def _without_prose(node: Any) -> Any:
    """Return a model without `documentation`, where that is prose and not a member's name."""
    if isinstance(node, dict):
        return {
            key: _without_prose(value)
            for key, value in node.items()
            if not (key == "documentation" and isinstance(value, str))
        }
    return [_without_prose(item) for item in node] if isinstance(node, list) else node


def _trim_endpoints(file: Path) -> None:
    """Keep every partition and region, and of the services the ones in use."""
    endpoints = json.loads(file.read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: value for name, value in partition["services"].items() if name in services()
        }
    file.unlink()  # never written through: an installer may have linked it to its cache
    file.write_text(_compact(endpoints))


def _compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def main() -> None:
    """Trim the layer that is named, and the functions with requirements of their own."""
    layer = Path(sys.argv[1])
    trim(layer)
    for requirements in layer.parent.parent.glob("*Function/requirements.txt"):
        leave_out(requirements.parent, layer)


if __name__ == "__main__":
    main()
