"""Winnow in a browser: `panel serve app.py [--args FILE]`, from a checkout."""

import runpy

runpy.run_module("winnow_atomistic.app")
