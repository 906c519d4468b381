"""Traffic of a ledger by whatever its frames have in common, worked out by columns."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from hat_sim.protocol.ledger import Traffic

_BETWEEN = "\x1f"


def traffic_in(ledger: pa.Table, labels: pa.ChunkedArray) -> dict[str, Traffic]:
    """Traffic by label, in the order in which labels first occur; a label for each frame of the ledger."""
    rows = pa.array(range(ledger.num_rows), pa.int64())
    columns = {"label": labels, "payload": ledger["payload_bytes"], "wire": ledger["wire_bytes"], "row": rows}
    wanted = [("payload", "sum"), ("wire", "sum"), ("row", "count"), ("row", "min")]
    sums = pa.table(columns).group_by("label").aggregate(wanted).sort_by("row_min")
    found = (sums[name].to_pylist() for name in ("label", "payload_sum", "wire_sum", "row_count"))
    return {label: Traffic(*figures) for label, *figures in zip(*found, strict=True)}


def links_of(ledger: pa.Table, link: Mapping[tuple[str, str], str]) -> pa.ChunkedArray:
    """For each frame the links that it crossed, such as `wifi > lte`; `link` is by target and device."""
    return pc.binary_join_element_wise(
        _links(ledger, link, "sender"), _links(ledger, link, "receiver"), " > "
    )


def _links(ledger: pa.Table, link: Mapping[tuple[str, str], str], end: str) -> pa.ChunkedArray:
    devices = pc.binary_join_element_wise(ledger["target"], ledger[end], _BETWEEN)
    codes = devices.combine_chunks().dictionary_encode()
    names = [
        link[target, name]
        for target, _, name in (it.partition(_BETWEEN) for it in codes.dictionary.to_pylist())
    ]
    return pa.array(names, pa.string()).take(codes.indices)
