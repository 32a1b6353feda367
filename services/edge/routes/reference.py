"""The contract that we serve, served: as a page to read, and as a document to work with."""

from functools import cached_property
from typing import Any

import msgspec
import yaml
from starlette.responses import Response

from services.edge.access import Access
from services.edge.door import Call, Door
from services.edge.openapi import page
from services.edge.openapi.document import Document, build
from services.edge.routing import Route

PATH = "/imfpush"
# The page brings everything along, so nothing else may be loaded into it.
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Blocks(Dumper):  # type: ignore[misc]  # chosen when we start
    """Writes what has several lines in several lines."""


def _write_text(dumper: Blocks, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    node: yaml.Node = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


Blocks.add_representer(str, _write_text)


class Reference:
    """Each form is written when it is first asked for, and kept."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def routes(self, door: Door) -> list[Route]:
        anybody = Access.OPEN
        return [
            door.route(PATH + "/", GET=(anybody, self._read_page)),
            door.route(PATH + "/openapi.yaml", GET=(anybody, self._read_yaml)),
            door.route(PATH + "/openapi.json", GET=(anybody, self._read_json)),
        ]

    async def _read_page(self, _: Call) -> Response:
        return Response(self._page, media_type="text/html", headers=PAGE_HEADERS)

    async def _read_yaml(self, _: Call) -> Response:
        return Response(self._yaml, media_type="application/yaml")

    async def _read_json(self, _: Call) -> Response:
        return Response(self._json, media_type="application/json")

    @cached_property
    def _document(self) -> Document:
        return build(self._public_url)

    @cached_property
    def _page(self) -> bytes:
        return page.render(self._document).encode()

    @cached_property
    def _yaml(self) -> bytes:
        # JSON first: it forgets which parts are one object, for which YAML would write anchors.
        plain = msgspec.json.decode(self._json)
        return yaml.dump(
            plain, Dumper=Blocks, encoding="utf-8", allow_unicode=True, sort_keys=False
        )

    @cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(self._document)
