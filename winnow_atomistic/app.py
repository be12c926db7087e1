"""Winnow in a browser: the script that `panel serve` runs for every visit (`winnow serve`)."""

from __future__ import annotations

import os
import sys

import panel as pn

from analytics.descriptors.model_files import FOLDERS
from views.shell.access import guard
from views.shell.page import publish
from views.shell.server import first_paint, new_session, start, warm_up
from views.state.session import DEMO

os.environ.setdefault(FOLDERS, "")  # visitors name no model files but those of `--models`

if guard(pn.state.curdoc):
    pn.extension("tabulator", notifications=False)

    path = sys.argv[1] if len(sys.argv) > 1 else DEMO
    warm_up(path)

    session = new_session()
    start(session, path)
    publish(session, first_paint(path))
