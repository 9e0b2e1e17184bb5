"""What the plans of jobs say about the job channel, read from the files that the configuration names."""

from service_runtime.settings import Problem, SettingsError

from condor_sidecar.core.policy import ChannelAccess
from condor_sidecar.io.channel_secret import BadSecret, read_or_make
from condor_sidecar.settings import Settings

DEFAULT_FILE = "channel.secret"


def read(settings: Settings) -> ChannelAccess | None:
    """How jobs get to the channel; None where it is off. Raises SettingsError."""
    channel = settings.channel
    if channel is None:
        return None
    try:
        authorities = channel.authorities.read_text(encoding="ascii") if channel.authorities is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "the configuration", [Problem("channel.authorities", f"{channel.authorities}: {error}")]
        ) from error
    path = channel.secret_file or settings.data / DEFAULT_FILE
    try:
        return ChannelAccess(channel.url, authorities, read_or_make(path))
    except (BadSecret, OSError) as error:
        raise SettingsError("the configuration", [Problem("channel.secret_file", str(error))]) from error
