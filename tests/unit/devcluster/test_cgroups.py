"""Reading how a host mounts its control groups."""

from devcluster.cgroups import Hierarchy, parse_mounts

V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n"
V1 = """\
tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd 0 0
"""
UNIFIED = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"


def test_v2_is_one_hierarchy() -> None:
    layout = parse_mounts(V2)
    assert layout is not None
    assert layout.version == 2
    assert layout.hierarchies == (Hierarchy("", ""),)


def test_v1_hierarchies_are_mounted_again_with_their_controllers_only() -> None:
    layout = parse_mounts(V1)
    assert layout is not None
    assert layout.version == 1
    assert layout.hierarchies == (
        Hierarchy("cpu,cpuacct", "cpu,cpuacct"),
        Hierarchy("memory", "memory"),
        Hierarchy("systemd", "none,name=systemd"),
    )


def test_a_hybrid_layout_is_v1_and_its_v2_part_is_left_out() -> None:
    layout = parse_mounts(V1 + UNIFIED)
    assert layout is not None
    assert layout.version == 1
    assert "unified" not in [hierarchy.folder for hierarchy in layout.hierarchies]


def test_no_cgroups_at_all() -> None:
    assert parse_mounts("proc /proc proc rw 0 0\n") is None
