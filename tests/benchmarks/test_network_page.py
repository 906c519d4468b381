"""docs/network.md is what its script makes of the measurements, and says where a bound does not hold."""

from benchmarks import network_page


def test_the_page_is_the_one_that_is_made():
    assert network_page.PAGE.read_text() == network_page.render()


def test_a_bound_that_does_not_hold_is_told():
    assert network_page.Line("x", 1.1, 1.0, 0.05, "5 %").cells(1) == (
        "x",
        "1.0",
        "1.1",
        "+10.00%",
        "5 %",
        "**no**",
    )
    assert network_page.Line("x", 1.1, 1.0, None, "").verdict == "no target"


def test_every_measurement_is_on_the_page():
    assert len(list(network_page.single_times())) == len(list(network_page.single_bytes())) == 18
    assert len(list(network_page.contended())) == 17
    assert network_page.render().count("| no target |") == 2 * 2 + 1


def test_what_was_not_measured_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(network_page, "RESULTS", tmp_path / "none.json")
    assert "**Missing:** it has not been measured" in network_page.render()
