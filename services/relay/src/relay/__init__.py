"""Rendezvous for connections to places that can only dial out.

Workers at a site whose nodes accept no connection keep one outgoing connection here. Whoever wants to reach one asks for
it by its id; the worker is told, dials out once more, and the two connections become one stream. What runs through it is
TLS between the two ends: nothing but ciphertext is seen here, and nothing is kept but the table of open connections.
"""
