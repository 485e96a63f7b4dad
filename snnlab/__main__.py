"""``python -m snnlab`` is the command ``snnlab``."""

import sys

from snnlab.commands.main import main

sys.exit(main())
