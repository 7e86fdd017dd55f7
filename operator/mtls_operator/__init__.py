"""Operator for HTTPS mutual authentication on Tencent Cloud CLB."""

__version__ = "0.1.0"
