"""The three kinds as types: fields, defaults, rules; parsing and rendering. Pure.

`crd` makes the CustomResourceDefinitions from them, so the types are the only place to change.
"""
