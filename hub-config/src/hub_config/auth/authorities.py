"""The file with the authorities that vouch for the provider: administrators replace it while the hub runs."""

import ssl


def unusable(file: str) -> str:
    """Why no authorities can be read of it; empty if they can."""
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        return "no certificates in PEM"
    except OSError as error:
        return error.strerror or str(error)
    return ""
