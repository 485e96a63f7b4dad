"""The emulated physics of one layer of neurons, compiled.

Kernels take arrays and scalars and check nothing. Time is counted in steps, potentials in units of
the nominal threshold above each neuron's own leak, and a synaptic current is scaled so that
``rise * current`` is what it adds to the membrane in one step. J stands for padded neurons.
"""
