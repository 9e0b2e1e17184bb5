"""Host names, full names and resolvers by a kubelet's rules."""

import pytest
from condor_sidecar.core.policy import Policy
from condor_sidecar.job.supervisor import plan as job

from tests.unit.sidecar.compile.pods import POLICY, Json, compiled, job_of, pod, reasons


@pytest.mark.parametrize(
    ("spec", "name", "full"),
    [
        ({}, "hello", ""),
        ({"hostname": "h"}, "h", ""),
        ({"subdomain": "s"}, "hello", "hello.s.default.svc.cluster.local"),
        ({"hostname": "h", "subdomain": "s"}, "h", "h.s.default.svc.cluster.local"),
        (
            {"subdomain": "s", "setHostnameAsFQDN": True},
            "hello.s.default.svc.cluster.local",
            "hello.s.default.svc.cluster.local",
        ),
        ({"setHostnameAsFQDN": True}, "hello", ""),
        ({"hostnameOverride": "any.name", "hostname": "h", "subdomain": "s"}, "any.name", ""),
    ],
)
def test_a_pod_is_called_as_under_a_kubelet(spec: Json, name: str, full: str) -> None:
    made = job_of(compiled(pod(**spec)))
    assert (made.hostname, made.full_name) == (name, full)


def test_the_cluster_s_domain_is_the_site_s_to_say() -> None:
    made = job_of(compiled(pod(subdomain="s"), Policy(images=POLICY.images, cluster_domain="k8s.example.org")))
    assert made.full_name == "hello.s.default.svc.k8s.example.org"


def test_a_full_name_that_no_machine_can_have_is_rejected() -> None:
    (reason,) = reasons(pod(subdomain="s" * 50, setHostnameAsFQDN=True))
    assert reason.startswith("Failed to construct FQDN from pod hostname and cluster domain, FQDN hello.sss")
    assert "is too long (64 characters is the max, 82 characters requested)" in reason


def test_a_long_name_without_that_wish_is_only_in_the_hosts_file() -> None:
    assert len(job_of(compiled(pod(subdomain="s" * 50))).full_name) == 82


@pytest.mark.parametrize(
    ("spec", "dns"),
    [
        ({}, None),
        ({"dnsPolicy": "Default"}, None),
        ({"dnsPolicy": "ClusterFirst", "dnsConfig": {}}, None),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}},
            job.Dns(["1.1.1.1"], [], [], True),
        ),
        (
            {
                "dnsConfig": {
                    "nameservers": ["fd00::1"],
                    "searches": ["a.b", ".", "_x.y."],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
                }
            },
            job.Dns(["fd00::1"], ["a.b", ".", "_x.y."], ["ndots:2", "edns0"]),
        ),
    ],
)
def test_a_resolver_is_the_pod_s_own_or_the_machine_s_with_more(spec: Json, dns: job.Dns | None) -> None:
    assert job_of(compiled(pod(**spec))).dns == dns


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"dnsPolicy": "None"}, "dnsPolicy None needs dnsConfig.nameservers: name one (dnsPolicy)"),
        ({"dnsPolicy": "Mine"}, 'dnsPolicy "Mine" is not known: use None with a dnsConfig, or remove it (dnsPolicy)'),
        (
            {"dnsConfig": {"nameservers": ["dns.example.org"]}},
            '"dns.example.org" is not the address of a name server: correct it (dnsConfig.nameservers[0])',
        ),
        (
            {"dnsConfig": {"searches": ["a\nnameserver 6.6.6.6"]}},
            '"a\nnameserver 6.6.6.6" is not a domain to search: correct it (dnsConfig.searches[0])',
        ),
        (
            {"dnsConfig": {"options": [{"name": "a b"}]}},
            '"a b" is not the name of an option: correct it (dnsConfig.options[0].name)',
        ),
    ],
)
def test_a_resolver_that_is_none_is_rejected(spec: Json, reason: str) -> None:
    assert reasons(pod(**spec)) == (reason,)
