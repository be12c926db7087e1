"""Which packages are installed, and the text for a package index; the rest is in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup


def without_places(text: str) -> str:
    """Return the README without pictures and links that lead into the repository."""
    text = re.sub(r"^!\[.*?\]\(.*?\)\n+", "", text, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]+\)", r"\1", text)


setup(
    packages=[
        *find_packages(include=["winnow_atomistic*", "analytics*", "views*"]),
        "analytics.assets",
    ],
    package_dir={"analytics.assets": "assets"},
    long_description=without_places(Path("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
)
