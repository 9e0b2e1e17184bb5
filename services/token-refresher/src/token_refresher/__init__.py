"""Keeps access tokens in files fresh, for the process beside it that shows them.

One loop for each token: ask the issuer, look at what came, replace the file, sleep until a part of the token's life is
over. While the issuer is away the old file stays.
"""
