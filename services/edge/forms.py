"""Multipart forms, by which configurations with files in them are sent."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from services.edge import problems
from services.edge.door import Call
from services.edge.problems import Problem

KIND = "multipart/form-data"
MAX_FIELDS = 32
NUL = "must not contain the character NUL"


@dataclass(frozen=True, slots=True)
class File:
    """Its content decides what it is; SDKs make up the name."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """Texts and files by field. A file sent as a plain field counts as a file without a name."""

    texts: Mapping[str, str] = field(repr=False)
    files: Mapping[str, File]

    def text(self, *names: str) -> str:
        """A text that is required, under the first of its names that has one."""
        value = self.optional_text(*names)
        if not value:
            raise problems.required(names[0])
        return value

    def optional_text(self, *names: str) -> str:
        for name in names:
            value = self.texts.get(name, "").strip()
            if value:
                if "\x00" in value:
                    raise problems.invalid(name, NUL)
                return value
        return ""

    def password(self, name: str) -> str:
        """A text as it is: blanks belong to it."""
        value = self.texts.get(name, "")
        if "\x00" in value:
            raise problems.invalid(name, NUL)
        return value

    def flag(self, name: str) -> bool:
        """False where it is absent or empty."""
        word = self.texts.get(name, "").strip().lower()
        if word not in {"true", "false", ""}:
            raise problems.invalid(name, "must be true or false")
        return word == "true"

    def file(self, name: str) -> File:
        found = self.optional_file(name)
        if found is None:
            raise problems.required(name)
        return found

    def optional_file(self, name: str) -> File | None:
        found = self.files.get(name)
        if found is None and self.texts.get(name):
            found = File("", self.texts[name].encode())
        if found is None or not found.content:
            return None
        if "\x00" in found.name:
            raise problems.invalid(name, NUL)
        return found


def is_form(call: Call) -> bool:
    return call.request.headers.get("content-type", "").lower().startswith(KIND)


async def read_form(call: Call) -> Form:
    """The form in the body, which is bounded as every body is, and may be gzipped.

    Raises:
        Problem: 415 if the body is of another kind, 400 if it is malformed.
    """
    if not is_form(call):
        raise Problem(
            415, problems.MEDIA_TYPE_REFUSED, f"This configuration is sent as {KIND}, with files."
        )
    body = await call.read_bytes()

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        call.request.headers,
        stream(),
        max_files=MAX_FIELDS,
        max_fields=MAX_FIELDS,
        max_part_size=max(len(body), 1),
    )
    try:
        parsed = await parser.parse()
    except (MultiPartException, FormParserError, LookupError, UnicodeDecodeError):
        raise problems.invalid("body", f"is not valid {KIND}") from None
    texts: dict[str, str] = {}
    files: dict[str, File] = {}
    try:
        for name, part in parsed.multi_items():
            if isinstance(part, UploadFile):
                files[name] = File(part.filename or "", await part.read())
            else:
                texts[name] = part
    finally:
        await parsed.close()
    return Form(texts, files)
