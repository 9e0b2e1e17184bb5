"""The Go server's files load unchanged; what can't work is refused in words."""

import asyncio
import logging
from pathlib import Path

import pytest
from interlink.server.app import serve
from interlink.server.job_script import job_config
from interlink.server.settings import ServerSettings, load_server_settings
from service_runtime.settings import SettingsError
from structlog.testing import capture_logs

GO_FILE = """
InterlinkAddress: "unix:///var/run/interlink.sock"
InterlinkPort: 0
SidecarURL: http://localhost
SidecarPort: 4000
VerboseLogging: true
ErrorsOnlyLogging: false
DataRootFolder: ~/.interlink
ExportPodData: true
Pprof: {Enabled: false}
JobScriptBuildConfig:
  singularity_hub: {server: http://hub, master_token: t, cache_validity_seconds: 3}
  apptainer_options: {fakeroot: true, no_init: true}
  volumes_options: {scratch_area: /scratch}
"""


def load(folder: Path, text: str, **environ: str) -> ServerSettings:
    path = folder / "InterLinkConfig.yaml"
    path.write_text(text)
    return load_server_settings(path, environ)


def test_a_file_of_the_go_server_loads_unchanged(tmp_path: Path) -> None:
    settings = load(tmp_path, GO_FILE)
    assert str(settings.listen) == "unix:///var/run/interlink.sock"
    assert settings.plugin_url() == "http://localhost:4000"
    config = job_config(settings.JobScriptBuildConfig)
    assert config["SingularityHubProxy"] == {"server": "http://hub", "master_token": "t", "cache_validity_seconds": 3}
    assert (config["ApptainerOptions"]["fakeroot"], config["ApptainerOptions"]["noInit"]) == (True, True)
    assert config["Volumes"]["scratch_area"] == "/scratch"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, GO_FILE, INTERLINKURL="http://0.0.0.0", INTERLINKPORT="3000", SIDECARURL="unix:///p")
    assert (str(settings.listen), settings.plugin_url()) == ("http://0.0.0.0:3000", "unix:///p")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SidecarURL: unix:///p", "InterlinkAddress: required"),
        ("InterlinkAddress: ftp://x\nSidecarURL: unix:///p", "InterlinkAddress.*no address"),
        ("InterlinkAddress: unix:///a\nSidecarURL: https://x:1", "must be unix:// or http://"),
        ("InterlinkAddress: https://0.0.0.0:1\nSidecarURL: unix:///p", "CertFile"),
        ("InterlinkAddress: unix:///a\nSidecarURL: unix:///p\nJobScriptTemplate: /t", "Go templates"),
        ("InterlinkAddress: unix:///a\nSidecarURL: unix:///p\nBodyLimitMiB: 0", "BodyLimitMiB"),
    ],
)
def test_what_cannot_work_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(tmp_path, text)


def test_an_address_for_metrics_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"MetricsAddress.*host:port"):
        load(tmp_path, GO_FILE + "MetricsAddress: nonsense\n")
    assert load(tmp_path, GO_FILE + "MetricsAddress: 127.0.0.1:9102\n").MetricsAddress == "127.0.0.1:9102"


@pytest.mark.parametrize(
    ("keys", "level"),
    [
        ("", logging.WARNING),
        ("VerboseLogging: true\n", logging.DEBUG),
        ("ErrorsOnlyLogging: true\n", logging.ERROR),
        ("VerboseLogging: true\nErrorsOnlyLogging: true\n", logging.DEBUG),
    ],
)
async def test_the_go_server_s_keys_set_the_level_of_the_log(tmp_path: Path, keys: str, level: int) -> None:
    settings = load(
        tmp_path, f"InterlinkAddress: unix://{tmp_path}/s.sock\nSidecarURL: unix:///p\nPprof: {{Port: 1}}\n{keys}"
    )
    root, stop = logging.getLogger(), asyncio.Event()
    before, root.level = root.level, logging.WARNING
    stop.set()
    try:
        with capture_logs() as lines:
            await serve(settings, stop)
        assert root.level == level
    finally:
        root.setLevel(before)
    assert [line["key"] for line in lines if line["event"] == "settings.key_without_effect"] == ["Pprof"]
