"""Settings: who is stronger, what is refused and where it says it stands."""

import tomllib
from pathlib import Path

import pytest

from ledger.cli.settings import NAMES, Settings, read_settings
from ledger.cli.words import Stop

EXAMPLE = Path(__file__).parents[2] / "deploy" / "tequio.example.toml"


def file_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tequio.toml"
    path.write_text(text)
    return path


def test_options_over_environment_over_file(tmp_path: Path) -> None:
    config = file_of(tmp_path, 'origin = "a"\nlog_level = "error"\ndatabase_sessions = 3\n')
    environ = {"TEQUIO_LOG_LEVEL": "debug", "TEQUIO_DATABASE_SESSIONS": "4"}
    settings = read_settings(
        {"database_sessions": 5, "origin": None}, config=config, environ=environ
    )
    assert settings == Settings(origin="a", log_level="debug", database_sessions=5)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    config = file_of(tmp_path, 'origin = "a.example"\n')
    assert read_settings({}, environ={"TEQUIO_CONFIG": str(config)}).origin == "a.example"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('orgin = "a"\n', "there is no setting 'orgin'"),
        ('database_sessions = "8"\n', "database_sessions"),
        ("database_sessions = 1\n", "database_sessions"),
        ('listen = "here"\n', "listen"),
        ('origin = "Caja Norte"\n', "origin"),
        ('origin = "' + "a" * 81 + '"\n', "origin"),
        ("origin = \n", "tequio.toml"),
        ('log_level = "loud"\n', "log_level"),
    ],
)
def test_refused_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    config = file_of(tmp_path, text)
    with pytest.raises(Stop) as stop:
        read_settings({}, config=config, environ={})
    assert str(config) in stop.value.message
    assert said in stop.value.message


@pytest.mark.parametrize("listen", ["127.0.0.1", ":80", "a b:80", "localhost:70000"])
def test_an_address_that_is_none(listen: str) -> None:
    with pytest.raises(Stop):
        read_settings({"listen": listen}, environ={})


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"none\.toml"):
        read_settings({}, config=tmp_path / "none.toml", environ={})


def test_no_password_on_the_screen() -> None:
    with pytest.raises(Stop) as stop:
        read_settings({"listen": "postgresql://ana:secret@db/x"}, environ={})
    assert "secret" not in stop.value.message


def test_the_example_shows_every_setting_as_it_is() -> None:
    table = tomllib.loads(EXAMPLE.read_text())
    assert set(table) == set(NAMES)
    assert read_settings({}, config=EXAMPLE, environ={}) == Settings()
