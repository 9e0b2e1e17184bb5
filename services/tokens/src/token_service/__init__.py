"""Hands a user's pod short access tokens, each for one purpose, and never a refresh token.

A pod shows the token that JupyterHub gave its server. The hub says whose it is and what the provider granted at login; the
provider makes an access token of that, with the scope and audience of the profile that was asked for. What is kept here is
in memory: tokens that are still good, for who holds the same login, and the hub is asked about both at every call; and for
seconds, which tokens the hub has just refused.
"""
