"""What the site's page says to write into the files of the edge's services fits them, and fits together."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from condor_sidecar.settings import Settings as Sidecar
from oauth2_proxy.model.settings import Settings as Proxy
from service_runtime.settings import parse_settings

PAGE = Path(__file__).parents[3] / "docs/site-administrators.md"
SIDECAR = {
    "instance": "site",
    "endpoint": {"collector": "ce.example.org:9618", "auth": {"token_file": "/run/highrate/condor.token"}},
}
PROXY = {
    "listen": "https://0.0.0.0:10443",
    "tls": {"cert": __file__, "key": __file__},
    "upstream": "unix:///run/highrate/interlink.sock",
    "issuers": [{"issuer": "https://iam.example.org/", "audiences": ["edge"], "allow": [{"groups": ["/edge"]}]}],
}


def test_jobs_dial_the_path_that_the_proxy_lets_through_to_the_sidecar() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    of_the_sidecar, of_the_proxy = [yaml.safe_load(block) for block in blocks]
    channel = parse_settings(Sidecar, {**SIDECAR, **of_the_sidecar}, "the page").channel
    job_channel = parse_settings(Proxy, {**PROXY, **of_the_proxy}, "the page").job_channel
    assert channel is not None and job_channel is not None
    assert urlsplit(channel.url).path == job_channel.path
    assert channel.listen == job_channel.upstream
