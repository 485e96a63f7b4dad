"""The same network in other libraries, measured in turn with snnlab's."""
