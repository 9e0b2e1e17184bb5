"""SPDY/3.1 as API servers speak it to kubelets (apimachinery's httpstream, moby/spdystream); no library for Python serves it.

Flow control by WINDOW_UPDATE isn't used there, and not here: a slow reader slows the whole connection.
"""
