"""The yardstick of the REST figures: a bare endpoint that makes one empty call.

Two processes, `python -m bench.bare server` and `python -m bench.bare edge`, served and traced as
ours are: Starlette on the edge's own uvicorn, one route, one gRPC call without content.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from google.protobuf import empty_pb2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.cpu import process_seconds
from bench.log import Log
from dev.house import free_ports
from dev.processes import Processes
from dev.rooms import LOOPBACK, Room
from services.edge.observer import Observer
from services.edge.serving import serve as serve_http
from services.kit import process, telemetry
from services.kit.client import open_channel
from services.kit.process import House
from services.kit.server import new_server, serve

SERVICE = "carillon.bare.v1.BareService"
PATH = "/bare"


async def answer(_request: empty_pb2.Empty, _context: object) -> empty_pb2.Empty:
    return empty_pb2.Empty()


async def build_server(house: House) -> None:
    telemetry.start_logging("bare-server", "WARNING")
    house.callback(telemetry.start_tracing("bare-server", ""))
    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        empty_pb2.Empty.FromString,
        empty_pb2.Empty.SerializeToString,
    )
    server = new_server("bare")
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Ask": handler}),)
    )
    await serve(house, server, os.environ["LISTEN"], [SERVICE])


async def build_edge(house: House) -> None:
    telemetry.start_logging("bare-edge", "WARNING")
    house.callback(telemetry.start_tracing("bare-edge", ""))
    ask = open_channel(house, os.environ["SERVER"]).unary_unary(
        f"/{SERVICE}/Ask",
        request_serializer=empty_pb2.Empty.SerializeToString,
        response_deserializer=empty_pb2.Empty.FromString,
    )

    async def endpoint(_request: Request) -> Response:
        await ask(empty_pb2.Empty(), timeout=2.0)
        return Response(b"{}", media_type="application/json")

    app = Starlette(routes=[Route(PATH, endpoint)], middleware=[Middleware(Observer)])
    await serve_http(house, app, os.environ["LISTEN"])


@dataclass(frozen=True, slots=True)
class Bare:
    """Where the yardstick is asked, and what it spends."""

    host: str
    port: int
    _processes: Processes

    def cpu_seconds(self) -> dict[str, float]:
        """What each of its processes has spent since it started."""
        return {name: process_seconds(pid) for name, pid in self._processes.pids().items()}


@asynccontextmanager
async def standing() -> AsyncIterator[Bare]:
    """Both processes, until they are not needed any more."""
    ports = free_ports()
    server, edge = f"{LOOPBACK}:{ports.registry_port}", f"{LOOPBACK}:{ports.edge_port}"
    processes = Processes(Log())
    try:
        await processes.start(_describe("server", {"LISTEN": server}, grpc=server))
        told = {"LISTEN": edge, "SERVER": server}
        await processes.start(_describe("edge", told, http=f"http://{edge}{PATH}"))
        yield Bare(LOOPBACK, ports.edge_port, processes)
    finally:
        await processes.close()


def _describe(role: str, told: dict[str, str], *, grpc: str = "", http: str = "") -> Room:
    command = (sys.executable, "-m", "dev.leash", str(os.getpid()), "bench.bare", role)
    return Room(f"bare-{role}", command, {**os.environ, **told}, grpc=grpc, http=http)


if __name__ == "__main__":
    process.run({"server": build_server, "edge": build_edge}[sys.argv[1]])
