"""The only package that imports kopf: it turns watch events into keys."""
