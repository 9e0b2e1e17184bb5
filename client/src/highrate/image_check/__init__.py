"""`highrate image check`: does an image keep the contract of images for sessions and workers, and if not, why not?

Nothing of the image is run: its files' names and modes and its configuration are looked at, wherever the image comes from.
"""
