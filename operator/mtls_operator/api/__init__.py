"""The three kinds as types: schema, CEL rules, defaults, parsing and status."""
