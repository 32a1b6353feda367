"""What does a process make of its environment, and what does it say when it cannot?"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from services.kit.settings import SettingInvalid, read


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str
    port: int = 80
    timeout: float = 2.0
    verbose: bool = False
    folder: Path = Path()
    allow: tuple[str, ...] = ()


def test_a_field_is_read_from_the_variable_of_its_name() -> None:
    found = read(
        Settings,
        {
            "DATABASE_URL": "postgresql://x",
            "PORT": "81",
            "TIMEOUT": "0.5",
            "VERBOSE": "yes",
            "FOLDER": "/srv",
            "ALLOW": "localhost, 127.0.0.0/8,",
        },
    )

    assert found == Settings(
        "postgresql://x", 81, 0.5, True, Path("/srv"), ("localhost", "127.0.0.0/8")
    )


def test_what_is_not_set_has_its_default() -> None:
    assert read(Settings, {"DATABASE_URL": "x"}) == Settings("x")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "DATABASE_URL is not set."),
        ({"DATABASE_URL": "x", "PORT": "many"}, "PORT must be a number, not 'many'."),
        ({"DATABASE_URL": "x", "TIMEOUT": ""}, "TIMEOUT must be a number, not ''."),
        ({"DATABASE_URL": "x", "VERBOSE": "si"}, "VERBOSE must be true or false, not 'si'."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        read(Settings, environment)

    assert str(refused.value) == sentence
