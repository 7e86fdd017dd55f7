"""The STS product, API version 2018-08-13."""
