"""A simulated Tencent CLB and SSL service: true wire protocol, true TLS data plane."""

__version__ = "0.1.0"
