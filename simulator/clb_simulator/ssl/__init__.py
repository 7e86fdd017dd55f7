"""The SSL product, API version 2019-12-05: certificates of one account, the same in every region."""
