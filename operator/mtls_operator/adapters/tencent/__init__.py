"""The cloud's API behind the certificate store and load balancer ports."""
