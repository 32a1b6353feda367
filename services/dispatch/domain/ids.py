"""Message ids: 8 letters and digits, drawn at random."""

import secrets
import string

LENGTH = 8
ALPHABET = string.ascii_letters + string.digits


def new_message_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def is_message_id(text: str) -> bool:
    return len(text) == LENGTH and text.isascii() and text.isalnum()
