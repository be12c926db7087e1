"""``python -m analytics.cli`` is ``winnow``."""

import sys

from analytics.cli.main import main

sys.exit(main())
