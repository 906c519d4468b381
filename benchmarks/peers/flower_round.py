"""A round of Flower whose clients do nothing: `python flower_round.py CLIENTS`, in its own environment.

Prints a line with the seconds from the start of this process until its clients are known, and those from the
first message to the last reply.
"""

import sys
import time

BEGAN = time.perf_counter()

from flwr.app import Context, Message, MessageType, RecordDict  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.serverapp import Grid, ServerApp  # noqa: E402
from flwr.simulation import run_simulation  # noqa: E402

CLIENTS = int(sys.argv[1])
client, server = ClientApp(), ServerApp()


@client.train()
def do_nothing(message: Message, context: Context) -> Message:
    return Message(RecordDict(), reply_to=message)


@server.main()
def main(grid: Grid, context: Context) -> None:
    while len(nodes := list(grid.get_node_ids())) < CLIENTS:
        time.sleep(0.01)
    ready_s = time.perf_counter() - BEGAN
    began = time.perf_counter()
    kind = MessageType.TRAIN
    replies = grid.send_and_receive(
        [Message(RecordDict(), dst_node_id=it, message_type=kind) for it in nodes]
    )
    round_s = time.perf_counter() - began
    failed = sum(reply.has_error() for reply in replies)
    print(f"ready_s {ready_s} round_s {round_s} replies {len(list(replies))} failed {failed}", flush=True)


if __name__ == "__main__":
    run_simulation(server, client, CLIENTS, backend_config={"client_resources": {"num_cpus": 1}})
