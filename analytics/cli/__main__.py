"""``python -m analytics.cli`` is ``winnow``."""

import sys

from analytics.cli import main

sys.exit(main())
