"""What devices say to each other: messages, their frames, the ledger of frames, and a protocol's effects."""
