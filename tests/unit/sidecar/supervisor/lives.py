"""Life cycles of pods without processes, and the steps that tests of them share."""

from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.actions import Action, Prepare, Start
from condor_sidecar.job.supervisor.life import Ending
from condor_sidecar.job.supervisor.lifecycle import Lifecycle
from condor_sidecar.job.supervisor.state import PodState

HOOK = plan.Action("exec", ["hook"])
GOOD, BAD = Ending(0, None, "", ""), Ending(1, None, "", "")


def lifecycle(of: plan.Pod) -> Lifecycle:
    return Lifecycle(of, PodState(of, "host", ""), now=0.0)


def up(life: Lifecycle, actions: list[Action], now: float = 0.0) -> list[Action]:
    """Prepare and start whatever is asked for, at once; the actions that are left."""
    left: list[Action] = []
    for action in actions:
        if isinstance(action, Prepare):
            left += up(life, life.prepared(action.name, "id", now), now)
        elif isinstance(action, Start):
            left += up(life, life.started(action.name, now), now)
        else:
            left.append(action)
    return left


def begun(of: plan.Pod) -> Lifecycle:
    """A pod all of whose first containers were started."""
    life = lifecycle(of)
    up(life, life.begin(0.0))
    return life


def events(life: Lifecycle) -> list[tuple[str, str]]:
    return [(each["reason"], each["message"]) for each in life.state.events]
