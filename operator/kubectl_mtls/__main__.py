"""`python -m kubectl_mtls`."""

from kubectl_mtls.main import main

main()
