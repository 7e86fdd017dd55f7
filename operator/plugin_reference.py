"""Write docs/reference/kubectl-mtls.md, or with --check say whether it is up to date.

I/O: reads or writes the page.
"""

import sys
from pathlib import Path

from kubectl_mtls.reference import render_page

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "kubectl-mtls.md"


def main() -> int:
    """Return 1 when the page is out of date and --check was given."""
    page = render_page()
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    sys.stderr.write(f"{PAGE.name} is out of date. Next: python operator/plugin_reference.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
