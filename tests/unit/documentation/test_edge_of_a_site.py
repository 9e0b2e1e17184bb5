"""What the site's page says to write into the files of the edge's services fits them, and fits together."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from condor_sidecar.settings import Settings as Sidecar
from interlink.server.settings import ServerSettings
from oauth2_proxy.model.settings import Settings as Proxy
from service_runtime.settings import parse_settings
from token_refresher.model.settings import Settings as Refresher

PAGE = Path(__file__).parents[3] / "docs/site-administrators.md"
THERE = {"tls": {"cert": __file__, "key": __file__}}
"""Files that the settings want to see."""


def written() -> list[dict[str, Any]]:
    """The files of the four services, and what the job channel adds to the sidecar's and the proxy's."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


def test_the_four_files_lead_to_each_other() -> None:
    refresher, sidecar, server, proxy, *_ = written()
    tokens = parse_settings(Refresher, refresher, "the page").tokens
    plugin = parse_settings(Sidecar, sidecar, "the page")
    api = parse_settings(ServerSettings, server, "the page")
    front = parse_settings(Proxy, {**proxy, **THERE}, "the page")
    assert [token.file for token in tokens] == [plugin.endpoint.auth.token_file]
    assert plugin.listen == api.SidecarURL
    assert front.upstream == api.InterlinkAddress
    metrics = [file.get("metrics") or file["MetricsAddress"] for file in (refresher, sidecar, server, proxy)]
    assert len(set(metrics)) == len(metrics)


def test_jobs_dial_the_path_that_the_proxy_lets_through_to_the_sidecar() -> None:
    _, sidecar, _, proxy, of_the_sidecar, of_the_proxy = written()
    channel = parse_settings(Sidecar, {**sidecar, **of_the_sidecar}, "the page").channel
    job_channel = parse_settings(Proxy, {**proxy, **THERE, **of_the_proxy}, "the page").job_channel
    assert channel is not None and job_channel is not None
    assert urlsplit(channel.url).path == job_channel.path
    assert channel.listen == job_channel.upstream


def test_a_unit_starts_a_program_that_there_is_with_a_file_of_the_page() -> None:
    (unit,) = re.findall(r"```ini\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (command,) = re.findall(r"^ExecStart=/opt/highrate/bin/(\S+) --config (\S+)$", unit, re.MULTILINE)
    assert command[1] == f"/etc/highrate/{command[0]}.yaml"
    assert f"`{command[1]}`" in PAGE.read_text(encoding="utf-8")
