"""The door of an edge: verifies the caller's JSON web token and streams the call through to one upstream.

A call comes in, `core` decides from its header and the issuer's published keys who the caller is and whether the rules
let it pass, `io` carries it to the upstream byte by byte. Nothing is stored; keys are kept in memory.
"""
