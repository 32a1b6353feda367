"""Who may make which call: the callers we tell apart, and the sets of them that routes name."""

from enum import Enum, Flag, auto


class Caller(Flag):
    """What the credentials of a call prove. Each is judged on its own; a call may prove several."""

    # An app or a browser, by clientSecret.
    CLIENT = auto()
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

# Whoever belongs to the application's own side, rather than to its audience.
BACK_ENDS = _READING


class Access(Enum):
    """What a route asks of its caller: any of these admits."""

    OPEN = Caller(0)
    # What apps and browsers do for themselves; back ends may do it for them.
    CLIENT_READ = Caller.CLIENT | _READING
    CLIENT_WRITE = Caller.CLIENT | _WRITING
    CLIENT_DELETE = Caller.CLIENT | _MANAGING
    # What only the application's own side does.
    READ = _READING
    WRITE = _WRITING
    MANAGE = _MANAGING
    OPERATOR = Caller.OPERATOR
    # Older names of the narrowest of each kind.
    CLIENT = CLIENT_DELETE
    BACK_END = MANAGE

    @property
    def need(self) -> str:
        """What a caller lacked who was not admitted, as the end of `This call needs …`."""
        return _NEEDS[self]


_NEEDS = {
    Access.CLIENT_READ: "a valid 'clientSecret' or 'appSecret' header",
    Access.CLIENT_WRITE: "a valid 'clientSecret' or 'appSecret' header",
    Access.CLIENT_DELETE: "a valid 'clientSecret' or 'appSecret' header",
    Access.READ: "a valid 'appSecret' header",
    Access.WRITE: "a valid 'appSecret' header",
    Access.MANAGE: "a valid 'appSecret' header",
    Access.OPERATOR: "'Authorization: Bearer' with the operator key",
}
