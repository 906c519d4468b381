"""How long frames take over the access links of a fleet, and what they cost on the wire."""

from hat_sim.network.access import AccessLink
from hat_sim.network.flows import Delivery, FlowNetwork
from hat_sim.network.simulate import Host, Message, Transfer, simulate
from hat_sim.network.tcp import LENGTH_PREFIX, WireBytes

__all__ = [
    "LENGTH_PREFIX",
    "AccessLink",
    "Delivery",
    "FlowNetwork",
    "Host",
    "Message",
    "Transfer",
    "WireBytes",
    "simulate",
]
