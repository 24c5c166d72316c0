"""Lines that are edited, and the others."""

from tests.peers.lines import Lines, without_top_via

ODD = (
    b"INVITE sip:a@b SIP/2.0\r\n"
    b"v : SIP/2.0/UDP one ;branch=1,\r\n SIP/2.0/UDP two;branch=2\r\n"
    b"Route:<sip:x;lr>\r\n"
    b"Subject:\t\xff odd\r\n\tmore\r\n"
    b"Route: <sip:y,z;lr>\r\n"
    b"\r\nbody\r\n\r\n"
)


def test_untouched_it_is_the_same():
    assert Lines(ODD).to_bytes() == ODD


def test_only_what_is_touched_changes():
    lines = Lines(ODD)
    lines.pop("route")
    assert lines.to_bytes() == ODD.replace(b"Route:<sip:x;lr>\r\n", b"")
    lines.pop("route")
    lines.pop("route")
    assert b"Route" not in lines.to_bytes()


def test_first_of_several_on_one_line():
    assert b"v : SIP/2.0/UDP two;branch=2\r\nRoute:" in without_top_via(ODD)


def test_on_top_of_its_kind_or_of_all():
    lines = Lines(ODD)
    lines.push("Route", "<sip:w>")
    lines.push("Record-Route", "<sip:r>")
    names = [line.partition(":")[0] for line in lines.lines]
    assert names == ["Record-Route", "v ", "Route", "Route", "Subject", "Route"]


def test_written_anew_or_at_the_end():
    lines = Lines(ODD)
    lines.put("Subject", "new")
    lines.put("X-One", "1")
    assert lines.lines[2] == "Subject: new"
    assert lines.lines[-1] == "X-One: 1"
