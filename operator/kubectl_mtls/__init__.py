"""`kubectl mtls`: what people do with authorities and client certificates besides writing manifests.

A program of its own beside the operator, with the rights of whoever runs it. `commands/` has one file
for each command; what they decide is pure and apart from them, `render` writes it, and `cluster` is the
only way to the API server. It imports the operator's `api`, `pki`, `core` and `errors`, and nothing
imports it.
"""
