"""A scenario's own profiles: figures without units, of other dimensions or that nothing can have are told."""

from __future__ import annotations

import pytest

from hat_sim.scenario.load import load_scenario

OWN = "devices:\n  own: {{speed: {speed}, memory: {memory}, power: {power}}}\n"
OWN_LINK = (
    "links:\n  own: {{up: {up}, down: {down}, rtt: {rtt}, loss: 0 %, energy_sent: 1 nJ/bit, "
    "energy_received: 1 nJ/bit}}\n"
)
OWN_FIGURES = {"speed": "1 GFLOP/s", "memory": "1 GB", "power": "1 W"}
OWN_LINK_FIGURES = {"up": "1 Mbit/s", "down": "1 Mbit/s", "rtt": "1 ms"}


class TestOwnProfiles:
    """A figure without its unit, of another dimension, or that nothing can have, is told with its place."""

    @pytest.mark.parametrize(
        ("figure", "value", "match"),
        [
            ("speed", "15", "the compute speed 15 has no unit"),
            ("speed", "0 GFLOP/s", "a compute speed must be greater than zero"),
            ("speed", "-15 GFLOP/s", "a compute speed must be greater than zero"),
            ("speed", "15 W", "'W' is not a unit of compute speed"),
            ("memory", "15 GFLOP/s", "'GFLOP/s' is not a unit of size"),
            ("memory", "0 B", "a size must be greater than zero"),
            ("power", "4 GB", "'GB' is not a unit of power"),
            ("power", "inf W", "a power must be finite"),
            ("power", "-1 W", "a power must be greater than zero"),
        ],
    )
    def test_of_devices(self, figure, value, match, problems, text) -> None:
        [problem] = problems(text + OWN.format(**{**OWN_FIGURES, figure: value}))
        assert (problem.path, problem.where) == (f"devices.own.{figure}", ":13")
        assert match in problem.what
        assert problem.hint

    @pytest.mark.parametrize(
        ("figure", "value", "match"),
        [
            ("up", "33", "the bit rate 33 has no unit"),
            ("up", "0 bit/s", "a bit rate must be greater than zero"),
            ("down", "4 MB", "'MB' is not a unit of bit rate"),
            ("down", "20 ms", "'ms' is not a unit of bit rate"),
            ("rtt", "33 Mbit/s", "'Mbit/s' is not a unit of latency"),
            ("rtt", "-1 ms", "a latency must not be negative"),
        ],
    )
    def test_of_links(self, figure, value, match, problems, text) -> None:
        [problem] = problems(text + OWN_LINK.format(**{**OWN_LINK_FIGURES, figure: value}))
        assert (problem.path, problem.where) == (f"links.own.{figure}", ":13")
        assert match in problem.what

    @pytest.mark.parametrize(
        ("entry", "path", "match"),
        [
            ("idle_power: 2", "idle_power", "the power 2 has no unit"),
            ("idle_power: 0 W", "idle_power", "must be greater than zero"),
            ("energy_per_flop: 1 W", "energy_per_flop", "'W' is not a unit of energy per operation"),
            ("ms_per_sample: 3", "ms_per_sample", "must be a section"),
            ("ms_per_sample: {gru: 1.4}", "ms_per_sample.gru", "the time per sample 1.4 has no unit"),
            ("ms_per_sample: {gru: 1.4 ms}", "ms_per_sample.gru", "'ms' is not a unit of time per sample"),
            ("ms_per_sample: {gru: 0 ms/sample}", "ms_per_sample.gru", "must be greater than zero"),
            ("recalled: [sped]", "recalled.0", '"sped" is not accepted'),
            ("idel_power: 1 W", "idel_power", 'unknown key "idel_power"'),
        ],
    )
    def test_of_what_a_device_may_say_besides(self, entry, path, match, problems, text) -> None:
        [problem] = problems(f"{text}devices:\n  own:\n    like: pi4\n    {entry}\n")
        assert (problem.path, problem.where) == (f"devices.own.{path}", ":15")
        assert match in problem.what

    def test_what_is_said_besides_is_taken(self, write, text) -> None:
        own = (
            "{like: agx-xavier, speed: 1 GFLOP/s, idle_power: 5 W, energy_per_flop: 0.5 nJ/FLOP, "
            "ms_per_sample: {gru: 1.4 ms/sample}, basis: M, source: my bench}"
        )
        profile = load_scenario(write(f"{text}devices:\n  own: {own}\n")).scenario.device_profile("own")
        assert (profile.idle_power, profile.energy_per_flop) == (5.0, 5e-10)
        assert profile.sample_times == (("gru", 0.0014),)
        assert (profile.basis, profile.source, profile.recalled) == ("M", "my bench", ("power",))
        assert profile.entry() == {
            "speed": "1 GFLOP/s",
            "memory": "32 GB",
            "power": "30 W",
            "idle_power": "5 W",
            "energy_per_flop": "500 pJ/FLOP",
            "ms_per_sample": {"gru": "1.4 ms/sample"},
        }

    def test_a_battery_is_an_energy(self, problems, write, text) -> None:
        mine = text.replace("  link: wifi\n", "  link: wifi\n  battery: 50 W\n")
        [problem] = problems(mine)
        assert (problem.path, problem.where) == ("target.battery", ":9")
        assert load_scenario(write(mine.replace("50 W", "2 Wh"))).scenario.target.battery == 7200.0
