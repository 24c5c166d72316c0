"""What is in ``docker/``: the image, how it starts, and how compose and Kubernetes run it.

Tests with the mark ``image`` need what ``scripts/image DIR`` makes, in the directory that the
variable PCSCF_IMAGE names; those that need ESP too are in ``tests/netns/test_container.py``.
"""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
