"""The Tag product, API version 2018-08-13."""
