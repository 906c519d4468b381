"""Ray's own start-up: `ray.init` and two actors that import torch, and no work for them.

    python -m benchmarks.ray_startup

Prints the seconds from before `import ray` until both actors have torch; stopping Ray comes on top.
"""

from __future__ import annotations

import time
from typing import Any

ACTORS = 2


class _Worker:
    """An actor as idle as they come."""

    def is_ready(self) -> bool:
        import torch

        return torch.get_num_threads() > 0


def main() -> None:
    began = time.perf_counter()
    import ray

    from hat_sim.engine import cluster

    with cluster(None):
        actor: Any = ray.remote(num_cpus=0)(_Worker)
        workers = [actor.remote() for _ in range(ACTORS)]
        ray.get([worker.is_ready.remote() for worker in workers])
        print(f"ready after {time.perf_counter() - began:.3f}")


if __name__ == "__main__":
    main()
