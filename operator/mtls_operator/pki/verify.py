"""Verify a leaf as the other side of a TLS connection would.

Pure. Called by the reconcilers before they publish, and by `kubectl mtls verify`.

The engine is cryptography's path builder with the web's rules, loosened in two places that private
roots need: a client without alternative names, and a root that lacks extensions (the guide's own
`openssl x509 -req -signkey` makes one without any). A version 1 root is still refused by the engine.
"""

from __future__ import annotations
