"""Which SA a packet belongs to, where its keys come from, and what is inside."""
