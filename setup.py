"""Which packages are installed; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["winnow_atomistic*", "analytics*", "views*"]),
        "analytics.assets",
    ],
    package_dir={"analytics.assets": "assets"},
)
