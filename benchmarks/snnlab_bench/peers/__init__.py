"""The same network in other libraries, timed in turn with snnlab."""
