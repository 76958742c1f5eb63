"""`python -m regrow.cli` is `regrow`."""

from __future__ import annotations

import sys

from regrow.cli.main import main

sys.exit(main())
