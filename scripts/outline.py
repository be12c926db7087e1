"""Write analytics/cli/outline.json: what the help of every command shows."""

import json
from importlib.resources import files

from analytics.cli.main import command_parsers
from analytics.cli.outline import OUTLINE, is_whole, made_outline

if not is_whole():
    raise SystemExit("a plug-in is installed whose options would become part of the outline")
made = made_outline(command_parsers())
parts = [
    f'"{name}": {left}\n' + ",\n".join(lines) + f"\n{right}"
    for name, left, right, lines in (
        ("groups", "[", "]", map(json.dumps, made["groups"])),
        (
            "commands",
            "{",
            "}",
            [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in made["commands"].items()],
        ),
    )
]
place = files("analytics.cli").joinpath(OUTLINE)
place.write_text("{" + ",\n".join(parts) + "}\n", encoding="ascii")
