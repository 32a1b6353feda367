"""`/identity/token`: an API key becomes a token of an hour, in the form that SDKs expect."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.responses import Response

from services.edge import problems
from services.edge.access import Access
from services.edge.admission import Admission
from services.edge.answers import answer
from services.edge.door import Call, Door
from services.edge.routing import Route
from services.edge.tokens import LIFETIMES, Holder, Tokens, Use

PATH = "/identity/token"
API_KEY_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
REFRESH_GRANT = "refresh_token"
MAX_FIELDS = 20


class Identity:
    """A Basic credential beside the form is ignored: clients send a public one."""

    def __init__(self, admission: Admission, tokens: Tokens) -> None:
        self._admission = admission
        self._tokens = tokens

    def routes(self, door: Door) -> list[Route]:
        return [door.route(PATH, POST=(Access.OPEN, self._exchange))]

    async def _exchange(self, call: Call) -> Response:
        form = _read_form(await call.read_bytes())
        match form.get("grant_type", ""):
            case grant if grant == API_KEY_GRANT:
                holder = await self._admission.exchange(_require(form, "apikey"))
            case grant if grant == REFRESH_GRANT:
                holder = await self._refresh(_require(form, "refresh_token"))
            case _:
                raise problems.invalid(
                    "grant_type", f"must be '{API_KEY_GRANT}' or '{REFRESH_GRANT}'"
                )
        if holder is None:
            raise problems.unauthenticated("a valid 'apikey' or 'refresh_token'")
        return self._answer(holder)

    async def _refresh(self, text: str) -> Holder | None:
        holder = self._tokens.read(text, Use.REFRESH)
        return holder if holder and await self._admission.confirm(holder) else None

    def _answer(self, holder: Holder) -> Response:
        access = self._tokens.mint(holder, Use.ACCESS)
        body = {
            "access_token": access.text,
            "refresh_token": self._tokens.mint(holder, Use.REFRESH).text,
            "token_type": "Bearer",
            "expires_in": LIFETIMES[Use.ACCESS],
            "expiration": access.expiration,
            "scope": "ibm openid",
            # One client wants it to be there; we have no users to number.
            "ims_user_id": 0,
        }
        return answer(body, headers={"Cache-Control": "no-store"})


def _read_form(body: bytes) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=MAX_FIELDS))
    except ValueError:  # a UnicodeDecodeError too
        raise problems.invalid("body", f"must be a form of at most {MAX_FIELDS} fields") from None


def _require(form: Mapping[str, str], field: str) -> str:
    value = form.get(field, "")
    if not value:
        raise problems.required(field)
    return value
