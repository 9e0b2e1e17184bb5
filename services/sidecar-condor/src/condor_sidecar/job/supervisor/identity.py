"""As whom a container runs: the user that the pod names, else the image's, else the job's own account.

Another user than the job's exists in a user namespace alone (launcher.py): what it writes belongs to the job's account outside, and
it has one group, since an account may bear one number of each kind.
"""

import os
from typing import Iterator, List, Optional, Tuple

from .image_config import ImageConfig
from .launcher import User
from .plan import Container, Pod

ROOT = ("", "0", "root")  # users of images that leave a container to the job's account


class NoUser(Exception):
    """The container can't run as the asked user; the text is a kubelet's."""


def identity(pod: Pod, container: Container, image: ImageConfig, passwd: str, group: str) -> Optional[User]:
    """The user that `container` runs as, None for the job's own account. Raises NoUser.

    `passwd` and `group` are the image's files. As under a kubelet, a user without a group gets that of the image's passwd, else 0.
    """
    if container.non_root and container.user is None and image.user_known:
        _refuse_possible_root(image.user.partition(":")[0], _where(pod, container))
    if container.user is not None:
        number, own_group = container.user, _group_of(container.user, passwd)
    elif container.image_user and image.user.partition(":")[0] not in ROOT:
        number, own_group = _image_user(image.user, passwd, group)
    elif container.group is None:
        return None
    else:
        number, own_group = os.getuid(), 0
    if container.non_root and number == 0:
        raise NoUser("container's runAsUser breaks non-root policy (%s)" % _where(pod, container))
    return User(number, own_group if container.group is None else container.group, os.getuid(), os.getgid())


def _refuse_possible_root(user: str, where: str) -> None:
    """An image's user must be known not to be root; what a name stands for is the image's own matter. Raises NoUser."""
    if not user or (user.isdigit() and int(user) == 0):
        raise NoUser("container has runAsNonRoot and image will run as root (%s)" % where)
    if not user.isdigit():
        words = "container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root (%s)"
        raise NoUser(words % (user, where))


def _where(pod: Pod, container: Container) -> str:
    return 'pod: "%s_%s(%s)", container: %s' % (pod.name, pod.namespace, pod.uid, container.name)


def _image_user(text: str, passwd: str, groups: str) -> Tuple[int, int]:
    """`user` or `user:group` as an image has it, each a name or a number."""
    user, _, group = text.partition(":")
    found = next((line for line in _lines(passwd, 4) if user in (line[0], line[2])), None)
    if found is None and not user.isdigit():
        raise NoUser("unable to find user %s: no matching entries in passwd file" % user)
    number = int(user if user.isdigit() else found[2] if found else "0")
    if not group:
        return number, _group_of(number, passwd)
    in_file = next((line[2] for line in _lines(groups, 3) if line[0] == group), group)
    if not in_file.isdigit():
        raise NoUser("unable to find group %s: no matching entries in group file" % group)
    return number, int(in_file)


def _group_of(number: int, passwd: str) -> int:
    return next((int(line[3]) for line in _lines(passwd, 4) if line[2] == str(number) and line[3].isdigit()), 0)


def _lines(text: str, least: int) -> Iterator[List[str]]:
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) >= least and fields[2].isdigit():
            yield fields
