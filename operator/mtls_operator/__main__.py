"""`python -m mtls_operator`."""

import sys

from mtls_operator.main import main

if __name__ == "__main__":
    sys.exit(main())
