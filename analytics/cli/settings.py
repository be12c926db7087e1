"""Configuration file (``winnow.toml``): defaults for options, which the command line overrules."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analytics.cli.errors import UsageError

__all__ = ["FILE", "VARIABLE", "with_settings"]

FILE = "winnow.toml"
#: Names another file in place of both; empty for none.
VARIABLE = "WINNOW_CONFIG"
#: What a folder that somebody else filled must not decide: where this machine connects to, who may
#: come in, what is replaced.
OWN_ONLY = frozenset(
    {"basic-auth", "force", "host", "no-paths", "origin", "output", "prefix", "root", "scheduler",
     "token"}
)  # fmt: skip
Outline = Mapping[str, Any]


def with_settings(words: Sequence[str], commands: Mapping[str, Outline]) -> list[str]:
    """Return the words of a command line with the defaults of the configuration files put in.

    Parameters
    ----------
    words : sequence of str
        The command and what was given.
    commands : mapping of str to dict
        The arguments of every command by their flags, see `analytics.cli.outline`.

    Raises
    ------
    UsageError
        If a file is no TOML, or names a command or option that there is not.
    """
    if not words or words[0] not in commands:
        return list(words)
    chosen, end = words[0], list(words).index("--") if "--" in words else len(words)
    given = {word.partition("=")[0] for word in words[1:end]}
    said: dict[str, list[str]] = {}
    for file in _files():
        for flag, values in _settings(file, chosen, commands):
            arguments = commands[chosen][flag]
            if given.isdisjoint(arguments["flags"]):
                said[flag] = values  # the file of the folder, which comes last, wins
    return [chosen, *(word for values in said.values() for word in values), *words[1:]]


def _files() -> list[Path]:
    named = os.environ.get(VARIABLE)
    if named is not None:
        if named and not Path(named).is_file():
            raise UsageError(f"{VARIABLE} is {named!r}: there is no such file")
        return [Path(named)] if named else []
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return [file for file in (Path(home, "winnow", FILE), Path(FILE)) if file.is_file()]


def _settings(
    file: Path, chosen: str, commands: Mapping[str, Outline]
) -> Iterator[tuple[str, list[str]]]:
    """Yield flag and words of what a file says of a command: for all commands, then for it."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}") from None
    everywhere = {flag for arguments in commands.values() for flag in arguments}
    for name, value in content.items():
        if isinstance(value, dict):
            if name not in commands:
                raise UsageError(f"{file}: [{name}] is no command of winnow")
            for option in value:
                _check(file, option, set(commands[name]), f"winnow {name}")
        else:
            _check(file, name, everywhere, "any command")
    general = {name: value for name, value in content.items() if not isinstance(value, dict)}
    for option, value in [*general.items(), *content.get(chosen, {}).items()]:
        flag = f"--{option}"
        if flag in commands[chosen]:
            yield flag, _words(file, flag, value, commands[chosen][flag])


def _check(file: Path, option: str, flags: set[str], whose: str) -> None:
    if f"--{option}" not in flags or option == "help":
        raise UsageError(f"{file}: {option} is no option of {whose}")
    if option in OWN_ONLY and file == Path(FILE):
        raise UsageError(f"{file}: {option} is not taken from the folder one happens to be in")


def _words(file: Path, flag: str, value: Any, argument: Outline) -> list[str]:
    """Return a value as it would be typed."""
    if argument["kind"] in ("store_true", "store_false", "boolean"):
        if not isinstance(value, bool):
            raise UsageError(f"{file}: {flag[2:]} is {value!r}, not true or false")
        off = [f"--no-{flag[2:]}"] if argument["kind"] == "boolean" else []
        return [flag] if value else off
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | int | float) and not isinstance(each, bool)
               for each in values):  # fmt: skip
        raise UsageError(
            f"{file}: {flag[2:]} is {value!r}, not a number, a text or a list of these"
        )
    if argument["kind"] == "append":
        return [f"{flag}={each}" for each in values]
    return [f"{flag}={','.join(map(str, values))}"]
