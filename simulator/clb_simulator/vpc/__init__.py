"""The VPC product, API version 2017-03-12."""
