"""The OpenAPI document, put together from the files beside this one.

Each file is a fragment of an OpenAPI document: `tags`, `paths`, `components`. What holds for every
call is said here once, instead of in each operation:

- `x-access` names the Access that the route asks for, and becomes `security`;
- what stands under an application has its id in the path;
- the answers that any such call may get are added where an operation does not give its own;
- every answer has a request id, and every refusal a language.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
HEAD = "carillon.yaml"
# The order of the page; a file that is not named here follows.
ORDER = ("applications", "access", "settings", "devices", "tags", "subscriptions", "messages")
METHODS = ("get", "put", "post", "delete", "patch")
UNDER_APPLICATION = "/imfpush/v1/apps/{applicationId}"
CLIENT, BACK_END, TOKEN, OPERATOR = "clientSecret", "appSecret", "token", "operatorKey"
# The accesses of the edge, by the schemes that suffice for each.
SCHEMES = {
    "open": (),
    "client-read": (CLIENT, BACK_END, TOKEN),
    "client-write": (CLIENT, BACK_END, TOKEN),
    "client-delete": (CLIENT, BACK_END, TOKEN),
    "list-devices": (CLIENT, BACK_END, TOKEN),
    "read": (BACK_END, TOKEN),
    "write": (BACK_END, TOKEN),
    "manage": (BACK_END, TOKEN),
    "api-keys": (BACK_END, TOKEN, OPERATOR),
    "secrets": (BACK_END, OPERATOR),
    "operator": (OPERATOR,),
}

Document = dict[str, Any]


def build(public_url: str) -> Document:
    """The whole document, as of a service that callers reach at `public_url`."""
    return {**_assemble(), "servers": [{"url": public_url.rstrip("/")}]}


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each path, method (in lower case) and operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


@cache
def _assemble() -> Document:
    document = _load(FOLDER / HEAD)
    document |= {"tags": [], "paths": {}}
    for file in _list_parts():
        part = _load(file)
        tags = part.get("tags", [])
        document["tags"] += tags
        _put_in(document["paths"], part.get("paths", {}), file.name)
        for kind, named in part.get("components", {}).items():
            _put_in(document["components"].setdefault(kind, {}), named, file.name)
        for path, item in part.get("paths", {}).items():
            _complete(path, item, [tag["name"] for tag in tags[:1]])
    _number(document["components"]["responses"], "Content-Language")
    return document


def _list_parts() -> list[Path]:
    files = (file for file in FOLDER.glob("*.yaml") if file.name != HEAD)
    places = {name: place for place, name in enumerate(ORDER)}
    return sorted(files, key=lambda file: (places.get(file.stem, len(ORDER)), file.name))


def _load(file: Path) -> Document:
    with file.open(encoding="utf-8") as text:
        # libyaml reads all files in a tenth of the time.
        loaded: Document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    return loaded


def _put_in(known: dict[str, Any], new: Mapping[str, Any], file: str) -> None:
    twice = known.keys() & new.keys()
    if twice:
        raise ValueError(f"{file} says again what another file says: {', '.join(sorted(twice))}.")
    known |= new


def _complete(path: str, item: dict[str, Any], tags: list[str]) -> None:
    is_under = path.startswith(UNDER_APPLICATION)
    if is_under:
        item["parameters"] = [_refer("parameters", "applicationId"), *item.get("parameters", [])]
    for method in METHODS:
        operation = item.get(method)
        if operation is None:
            continue
        operation.setdefault("tags", tags)
        access = operation["x-access"]
        operation["security"] = [{scheme: []} for scheme in SCHEMES[access]]
        for status, name in _list_standing(operation, access, is_under=is_under):
            operation["responses"].setdefault(status, _refer("responses", name))
        operation["responses"] = dict(sorted(operation["responses"].items()))
        _number(operation["responses"])


def _number(responses: Mapping[str, dict[str, Any]], *more: str) -> None:
    """Say of answers that stand here, not elsewhere, which headers they carry."""
    for response in responses.values():
        if "$ref" not in response:
            told = {name: _refer("headers", name) for name in ("X-Request-Id", *more)}
            response["headers"] = {**told, **response.get("headers", {})}


def _list_standing(
    operation: Mapping[str, Any], access: str, *, is_under: bool
) -> Iterator[tuple[str, str]]:
    yield "400", "BadRequest"
    if access != "open":
        yield "401", "Unauthorized"
    if is_under:
        yield "404", "NotFound"
        yield "409", "Conflict"
    if "requestBody" in operation:
        yield "413", "TooLarge"
        yield "415", "UnsupportedMediaType"
    yield "500", "Failed"
    yield "503", "Unavailable"


def _refer(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
