"""Images in shards: a kept index, blocks that are read whole, and an order that reads each block once."""
