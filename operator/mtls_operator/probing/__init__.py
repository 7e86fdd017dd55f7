"""Trials of a listener's doors over real TLS: used by the operator and by `kubectl mtls verify` alike."""
