"""The whole platform on this machine, without Docker: Kubernetes, identity provider and HTCondor site in machines of ours."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from devcluster import cgroups, golang, release, rootfs
from devcluster.charts import jupyterhub_chart
from devcluster.host_facts import install_packages, load_modules, look
from devcluster.images import buildah, cvmfs, scratch
from devcluster.images.recipe import SESSIONS
from devcluster.images.reference import Image
from devcluster.kubernetes import cluster, tools, usage, volumes
from devcluster.leash import marked
from devcluster.machine import Machine
from devcluster.network import netns_path, netns_processes, network_down, network_up
from devcluster.paths import Checkout
from devcluster.preflight import Condition, judge_embedded
from devcluster.providers.provider import Part, Provider, cluster_parts, remove_state
from devcluster.site import steps as site
from devcluster.site.layout import ENDPOINTS
from devcluster.steps import Step, StepLog

STOP_SECONDS = 10.0  # nothing that takes longer is worth waiting for: all of it is deleted afterwards


class Embedded(Provider):
    @property
    def name(self) -> str:
        return "embedded"

    def conditions(self) -> Sequence[Condition]:
        load_modules()
        facts = look(self.platform.checkout)
        if facts.missing_commands:
            said = install_packages(facts.missing_commands)
            facts = replace(look(self.platform.checkout), apt_said=said)
        return judge_embedded(facts)

    def steps(self) -> Sequence[Step]:
        return [*self._building(), *self._kubernetes(), *site.steps(self.platform), *self._release()]

    def _building(self) -> list[Step]:
        """What ends in the cache. The compilers run while root file systems and tools are downloaded."""

        def build(name: str) -> Step:
            def compile_it(log: StepLog) -> None:
                golang.ensure(self.platform.go_programs[name], self.platform.checkout, self.platform.cache, log)

            # One compiler at a time: each uses all processors, and the second finds what the first one compiled.
            before = {"kubernetes": "pause", "coredns": "kubernetes", volumes.PROGRAM: "coredns"}
            before |= {usage.PROGRAM: volumes.PROGRAM}
            needs = (before[name],) if name in before else ()
            return Step(name, f"{name} from its Go module", compile_it, needs)

        def fetch_tools(log: StepLog) -> None:
            tools.ensure(self.platform.cache, log)

        trees, images = self.image_steps()
        return [
            build("pause"),
            build("kubernetes"),
            trees,
            Step("tools", "kubectl and helm", fetch_tools),
            images,
            build("coredns"),
            build(volumes.PROGRAM),
            build(usage.PROGRAM),
        ]

    def image_steps(self) -> tuple[Step, Step]:
        """The images of this checkout, which need no platform."""
        platform = self.platform

        def trees(log: StepLog) -> None:
            for tree in (rootfs.BASE, rootfs.MACHINE):
                log.note(tree.name)
                rootfs.ensure(tree, platform.cache, log.path)

        def images(log: StepLog) -> None:
            buildah.ensure(list(platform.recipes.values()), platform.checkout, platform.cache, log)

        return Step("rootfs", "root file systems", trees), Step("images", "container images", images, ("rootfs",))

    def _kubernetes(self) -> list[Step]:
        platform = self.platform

        def network(_: StepLog) -> None:
            network_up(platform.network)

        def certificates(_: StepLog) -> None:
            cluster.prepare_certificates(platform.checkout, platform.network)

        def node(_: StepLog) -> None:
            cluster.start_node(platform.node, platform.network, self._program_image("pause"))

        def own_images(log: StepLog) -> None:
            made = [self._program_image(name) for name in ("pause", "coredns", volumes.PROGRAM)]
            cluster.import_images(platform.node, made, log)

        def measure(log: StepLog) -> None:
            image = self._program_image(usage.PROGRAM)
            cluster.import_images(platform.node, [image], log)
            platform.kubectl.apply(usage.manifests(image.reference))

        def api(_: StepLog) -> None:
            cluster.wait_for_api(platform.kubectl)
            cluster.start_clients(platform.node, platform.network)

        def dns(_: StepLog) -> None:
            cluster.install_dns(platform.kubectl, platform.network, self._program_image("coredns"))
            cluster.wait_for_node(platform.kubectl)
            cluster.wait_for_dns(platform.kubectl)

        def storage(_: StepLog) -> None:
            image, helper = self._program_image(volumes.PROGRAM), platform.image("hello")
            platform.kubectl.apply(volumes.manifests(image.reference, helper.reference))

        def importing(sessions: bool) -> Callable[[StepLog], None]:
            def run(log: StepLog) -> None:
                images = [recipe.image for name, recipe in platform.recipes.items() if (name in SESSIONS) is sessions]
                cluster.import_images(platform.node, images, log)

            return run

        def publish(_: StepLog) -> None:
            cvmfs.publish(platform.node, [recipe.image for recipe in platform.recipes.values() if recipe.runs_at_sites])

        return [
            Step("network", "network namespaces", network),
            Step("certificates", "certificates", certificates, ("network",)),
            Step("node", "node's machine", node, ("certificates", "kubernetes", "pause", "rootfs")),
            Step("api", "Kubernetes API", api, ("node", "tools")),
            Step("system-images", "system images into the node", own_images, ("node", "coredns", volumes.PROGRAM)),
            Step("dns", "node and cluster DNS", dns, ("api", "system-images")),
            Step("storage", "storage class", storage, ("dns",)),
            Step("usage", "metrics-server", measure, ("dns", usage.PROGRAM)),
            Step("cvmfs", "CVMFS of the node", publish, ("node", "images")),
            Step(
                "import-images", "images of the services into the node", importing(sessions=False), ("node", "images")
            ),
            Step("import-sessions", "images of sessions into the node", importing(sessions=True), ("import-images",)),
        ]

    def _release(self) -> list[Step]:
        def wait(name: str) -> Step:
            def ready(log: StepLog) -> None:
                release.wait_for_virtual_node(self.platform, name, log)
                # a killed run of the conformance suite may have closed it
                self.platform.kubectl("uncordon", name)

            return Step(name, f"virtual node {name}", ready, ("release", site.EDGE_READY))

        title = f"chart release (JupyterHub's chart: {jupyterhub_chart(self.platform.checkout.root)})"
        install = Step(
            "release",
            title,
            lambda log: release.install(self.platform, log),
            ("storage", "cvmfs", "import-images", "iam"),
        )
        return [install, *(wait(endpoint.node_name) for endpoint in ENDPOINTS.values())]

    def _program_image(self, name: str) -> Image:
        program = self.platform.go_programs[name]
        return scratch.ensure(name, program.path(self.platform.cache) / program.outputs[0], self.platform.cache)

    def down(self) -> list[str]:
        checkout = self.platform.checkout
        machines = [machine_at(checkout, folder) for folder in checkout.machines.glob("*")]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda machine: machine.stop(STOP_SECONDS), machines))
        for machine in machines:
            machine.erase()
        network_down(self.platform.network)
        left = leftovers(checkout)
        remove_state(self.platform)
        return left

    def parts(self) -> Sequence[Part]:
        checkout = self.platform.checkout
        parts: list[Part] = []
        for folder in sorted(checkout.machines.glob("*")):
            parts += machine_parts(machine_at(checkout, folder))
        if not parts:
            return [Part("platform", False, "not up")]
        return [*parts, *cluster_parts(self.platform.kubectl)]

    def shell(self, place: str) -> list[str]:
        machine = machine_at(self.platform.checkout, self.platform.checkout.machines / place)
        if machine.pid is None:
            running = sorted(folder.name for folder in self.platform.checkout.machines.glob("*"))
            raise ValueError(f"no machine {place} is running; there are: {', '.join(running) or 'none'}")
        return machine.command(
            ["bash", "-l"], env={"TERM": "xterm-256color", "KUBECONFIG": "/etc/kubernetes/pki/admin.kubeconfig"}
        )


def machine_at(checkout: Checkout, folder: Path) -> Machine:
    """A machine as `down` and `status` need it: by its folder, whatever it is made of."""
    return Machine(checkout, folder.name, Path("/"), folder.name)


def machine_parts(machine: Machine) -> list[Part]:
    if machine.pid is None:
        return [Part(f"machine {machine.name}", False, "not running")]
    states = machine.programs()
    parts = [Part(f"machine {machine.name}", True, f"pid {machine.pid}")]
    for name in machine.wanted():
        state = states.get(name)
        well = bool(state and state.pid)
        again = f", started {state.starts} times" if state and state.starts > 1 else ""
        end = f"last ended with {state.last_exit}" if state and state.last_exit is not None else "not started yet"
        parts.append(Part(f"{machine.name}/{name}", well, (f"runs{again}" if well else end)))
    return parts


def leftovers(checkout: Checkout) -> list[str]:
    """What is still there after everything was stopped, in words; empty if `down` kept its promise."""
    found = []
    for name in ("hub", "site"):
        netns = checkout.kernel_name(name)
        if netns_path(netns).exists():
            found.append(f"network namespace {netns} (processes: {netns_processes(netns)})")
    found += [f"interface {place.name}" for place in Path("/sys/class/net").glob(checkout.kernel_name("*"))]
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found += [f"mount {point}" for point in mounts if Path(point).is_relative_to(checkout.state)]
    found += [f"process {pid} of a command that was killed" for pid in marked(checkout.id)]
    # A machine whose folder is gone (a kill between two steps) may have left its groups.
    found += [f"cgroup {group}" for group in cgroups.remove_all(checkout.kernel_name("*"))]
    return found
