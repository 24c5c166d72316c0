from pcscf.config_sections import Hooks
from pcscf.hooks.policy import HookPolicy, OnFailure


def test_settings_become_a_policy() -> None:
    assert Hooks().policy() == HookPolicy()
    given = Hooks.model_validate({"file": "rules.py", "on_failure": "refuse", "slow": 1}).policy()
    assert given == HookPolicy("rules.py", slow=1, on_failure=OnFailure.REFUSE)
