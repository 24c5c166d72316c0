import pytest

from pcscf.errors import ParseError
from pcscf.sip.subscription import SubscriptionState, delta_seconds, event_package


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("active", SubscriptionState("active")),
        ("Active;Expires=600000", SubscriptionState("active", expires=600000)),
        ("pending ; expires = 5", SubscriptionState("pending", expires=5)),
        (
            "terminated;reason=Probation;retry-after=30",
            SubscriptionState("terminated", "probation", retry_after=30),
        ),
        ("terminated;reason", SubscriptionState("terminated")),
        ("active;expires=soon", SubscriptionState("active")),
        ("active;expires=" + "9" * 5000, SubscriptionState("active", expires=2**31)),
    ],
)
def test_subscription_state(text: str, expected: SubscriptionState) -> None:
    assert SubscriptionState.parse(text) == expected


@pytest.mark.parametrize("text", ["", ";expires=5", "active expires=5", "active;;", "@"])
def test_what_is_no_subscription_state_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="400"):
        SubscriptionState.parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("120 (I am busy);duration=60", 120),
        ("4294967296", 2**31),
        ("", None),
        ("-5", None),
        ("٣", None),
        (None, None),
    ],
)
def test_seconds(text: str | None, seconds: int | None) -> None:
    assert delta_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "package"),
    [("reg", "reg"), ("reg ;id=5", "reg"), ("presence", "presence"), (None, "")],
)
def test_the_event_package(text: str | None, package: str) -> None:
    assert event_package(text) == package
