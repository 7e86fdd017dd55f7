"""The CLB product, API version 2018-03-17: one module per group of actions."""
