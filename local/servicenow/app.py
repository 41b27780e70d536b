"""The instance's application: its APIs, its pages, and the simulator's own switches."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import access, pages, seed
from .apis import (
    ansible,
    attachment,
    batch,
    catalog,
    change,
    cmdb,
    event,
    import_set,
    json_v2,
    stats,
    table,
    tiny_url,
)
from .clock import Clock
from .errors import no_resource
from .faults import Fault
from .gate import Gate, log, with_faults
from .instance import Instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from .apis.routing import Routes

_V1 = ("", "/v1")
_V2 = ("", "/v1", "/v2")
# Where each API is, and in which versions.
_APIS: "tuple[tuple[str, tuple[str, ...], str, Callable[[Instance], Routes]], ...]" = (
    ("/api/now", _V2, "/table", table.routes),
    ("/api/now", _V2, "/stats", stats.routes),
    ("/api/now", _V1, "/batch", batch.routes),
    ("/api/now", _V1, "/attachment", attachment.routes),
    ("/api/now", _V1, "/import", import_set.routes),
    ("/api/now", _V1, "/tinyurl", tiny_url.routes),
    ("/api/now", _V1, "/cmdb/instance", cmdb.routes),
    ("/api/sn_chg_rest", _V1, "/change", change.routes),
    ("/api/sn_sc", _V1, "/servicecatalog", catalog.routes),
    ("/api/global", ("",), "/em", event.routes),
    ("/api/x_rhtpp_ansible", ("",), "/problem", ansible.routes),
)


def create_app(instance: Instance | None = None) -> Starlette:
    """Return the application of an instance, a new one with demo data if none is given."""
    if instance is None:
        instance = Instance()
        seed.fill(instance)
    routes = [
        Route(f"{base}{version}{name}{path}", Gate(instance, endpoints))
        for base, versions, name, api in _APIS
        for version in versions
        for path, endpoints in api(instance).items()
    ]
    switches = _Switches(instance)
    routes += [
        Route("/oauth_token.do", switches.token, methods=["POST"]),
        Route("/_simulator/faults", switches.faults, methods=["PUT", "DELETE"]),
        Route("/_simulator/reset", switches.reset, methods=["POST"]),
        Route("/_simulator/requests", switches.requests),
        *(
            json_v2.JsonRoute(path, Gate(instance, endpoints))
            for path, endpoints in json_v2.routes(instance).items()
        ),
        *pages.routes(instance),
        Route("/{path:path}", Gate(instance, dict.fromkeys(_METHODS, _nothing))),
    ]
    return Starlette(routes=routes)


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def _nothing(_: Request) -> Response:
    raise no_resource()


def refill(instance: Instance, *, rich: bool = False) -> None:
    """Bring an instance back to its demo data and the present time, without faults."""
    with instance.lock:
        instance.faults.clear()
        instance.requests = []  # requests that are still under way belong to the old list
        for name in ("url_limit", "body_limit", "attachment_limit", "batch_limit"):
            setattr(instance, name, getattr(type(instance), name))
        instance.workers = {}
        instance.clock = Clock()
        seed.fill(instance, rich=rich)


class _Switches:
    """Signing in by OAuth, and the simulator's own switches, for tests in another process."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def token(self, request: Request) -> Response:
        """POST gives an OAuth token; it passes the faults, but needs no sign-in."""
        instance = self._instance

        async def answer() -> Response:
            response = await access.give_token(instance, instance.access, request)
            log(instance, request, request.method, "", response.status_code)
            return response

        return await with_faults(instance, request, request.method, answer)

    async def faults(self, request: Request) -> Response:
        """PUT replaces the faults by a list of them; DELETE switches all off."""
        self._instance.faults.clear()
        if request.method == "PUT":
            for fields in await request.json():
                self._instance.faults.add(Fault(**fields))
        return Response(status_code=204)

    async def reset(self, _: Request) -> Response:
        """POST brings the demo data back."""
        refill(self._instance)
        return Response(status_code=204)

    async def requests(self, _: Request) -> Response:
        """GET lists the requests so far."""
        return JSONResponse([asdict(request) for request in self._instance.requests])
