"""Who may make which call: the callers we tell apart, and the sets of them that routes name."""

from enum import Enum, Flag, auto


class Caller(Flag):
    """What the credentials of a call prove. Each is judged on its own; a call may prove several."""

    # An app or a browser, by clientSecret.
    CLIENT = auto()
    # One of an application that opens its list of devices to clients.
    LISTING_CLIENT = auto()
    # Whoever calls an application that does not verify its clients; nothing is proved.
    ANYONE = auto()
    # A back end, by appSecret.
    BACK_END = auto()
    # The bearer of a token minted from an API key of this role.
    READER = auto()
    WRITER = auto()
    MANAGER = auto()
    # Whoever runs this installation, by the operator key.
    OPERATOR = auto()


_READING = Caller.BACK_END | Caller.READER | Caller.WRITER | Caller.MANAGER
_WRITING = Caller.BACK_END | Caller.WRITER | Caller.MANAGER
_MANAGING = Caller.BACK_END | Caller.MANAGER
_ANY_CLIENT = Caller.CLIENT | Caller.ANYONE

# The application's own side, rather than its audience.
BACK_ENDS = _READING


class Access(Enum):
    """What a route asks of its caller: any of these admits."""

    OPEN = Caller(0)
    # What apps and browsers do for themselves; back ends may do it for them.
    CLIENT_READ = _ANY_CLIENT | _READING
    CLIENT_WRITE = _ANY_CLIENT | _WRITING
    CLIENT_DELETE = _ANY_CLIENT | _MANAGING
    # What a client must prove itself for, even where clients are not verified.
    ATTACH_USER = Caller.CLIENT | _WRITING
    # A list of devices shows their addresses.
    LIST_DEVICES = Caller.LISTING_CLIENT | _READING
    # What only the application's own side does.
    READ = _READING
    WRITE = _WRITING
    MANAGE = _MANAGING
    # Who may make another that has the power of an API key, or of a secret.
    API_KEYS = _MANAGING | Caller.OPERATOR
    SECRETS = Caller.BACK_END | Caller.OPERATOR
    OPERATOR = Caller.OPERATOR

    def __init__(self, admitted: Caller) -> None:
        self.admits_anyone = bool(admitted & Caller.ANYONE)
        self.admits_operator = bool(admitted & Caller.OPERATOR)

    @property
    def need(self) -> str:
        """What a caller lacked who was not admitted, as the end of `This call needs …`."""
        return _NEEDS[self]


_TOKEN = "the token of an API key"  # noqa: S105  words
_OPERATOR_KEY = "'Authorization: Bearer' with the operator key"
_NEEDS = {
    Access.CLIENT_READ: f"a valid 'clientSecret' or 'appSecret' header, or {_TOKEN}",
    Access.CLIENT_WRITE: (
        f"a valid 'clientSecret' or 'appSecret' header, or {_TOKEN} that may write"
    ),
    Access.CLIENT_DELETE: (
        f"a valid 'clientSecret' or 'appSecret' header, or {_TOKEN} that may manage"
    ),
    Access.ATTACH_USER: (
        f"a valid 'clientSecret' or 'appSecret' header, or {_TOKEN} that may write"
    ),
    Access.LIST_DEVICES: f"a valid 'appSecret' header, or {_TOKEN}",
    Access.READ: f"a valid 'appSecret' header, or {_TOKEN}",
    Access.WRITE: f"a valid 'appSecret' header, or {_TOKEN} that may write",
    Access.MANAGE: f"a valid 'appSecret' header, or {_TOKEN} that may manage",
    Access.API_KEYS: f"a valid 'appSecret' header, {_TOKEN} that may manage, or the operator key",
    Access.SECRETS: "a valid 'appSecret' header, or the operator key",
    Access.OPERATOR: _OPERATOR_KEY,
}
