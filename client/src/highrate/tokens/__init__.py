"""Access tokens of a session: short-lived, narrow, in a file that is kept fresh.

A session holds no refresh token. It asks the platform's token service with the token that JupyterHub gave its server, and gets
an access token of a named profile.
"""
