"""Facts of the BrainScaleS-2 chip and of the paper's operating point.

Sources: [P] Cramer, Billaudelle et al., PNAS 119(4) e2109194119 (2022) and its SI;
[C] defaults of the authors' released code; [D] derived from released calibration data.
Times in seconds of hardware time: the analog core runs 1000 times faster than biology.

For modules of the chip only. Others take these numbers from the ``spec`` of a chip or recording, or
from ``BRAINSCALES2``; see :mod:`snnlab.chip.spec`.
"""

# Size of the chip [P]
N_CIRCUITS = 512
N_QUADRANTS = 4
SYNAPSES_PER_CIRCUIT = 256
INPUTS_PER_CIRCUIT = SYNAPSES_PER_CIRCUIT // 2
"""A signed weight takes one excitatory and one inhibitory synapse [P]."""
N_ADDRESSES = 64
"""A synapse listens to one of the 6-bit address labels on its row [P]."""
WEIGHT_BITS = 6
WEIGHT_MAX_LSB = 2**WEIGHT_BITS - 1
"""6-bit unsigned weights; as signed pairs −63 … +63 [P]."""

# Neurons [C]
TAU_MEM = 6e-6
TAU_SYN = 6e-6
TAU_REF = 2e-6

# Events on the chip
LOOP_LATENCY = 12 * 8e-9
"""From a neuron's spike to the synapses it reaches on the same chip : s; unpublished, estimate.

The event logic runs at 250 MHz, half of the 8 ns of a time stamp's tick [P]. A spike is
synchronised and arbitrated among its block's neurons, passes the crossbar, is put on the bus of the
synapse drivers, and drives its row for a cycle: about six cycles each. Through an FPGA it takes
ten times as long: 1.3 µs between two chips, four hops (arXiv 2512.03781)."""

# Columnar ADC
DT_CADC = 1.7e-6
"""All membranes are digitised in parallel every 1.7 µs [P]."""
REST_LSB = 80.0
GAP_LSB = 70.0
"""Threshold above leak: model units put leak at 0 and threshold at 1 [C]."""
CADC_BITS = 8
CADC_MIN_LSB = 25
CADC_MAX_LSB = 225
"""The converter saturates 55 LSB below and 145 LSB above the leak [D]."""
CADC_FULL_LSB = 2**CADC_BITS - 1
"""The membrane itself is held between 0 V and 1.2 V, the converter's 0 and 255 LSB [C]; where it
stops is unpublished: estimate."""
CADC_NOISE_LSB = 1.5
"""Read noise per sample; 1.2–2 LSB in the non-spiking mode, spiking mode unpublished: estimate."""

# Other trial noise, of a published hardware-aware model of the chip
THRESHOLD_DRIFT = 0.015
"""Spread of threshold − leak from run to run, relative."""
SPIKE_JITTER = 60e-9

# Windows
TRAINING_SAMPLES = 20
"""CADC samples of one image while training: 20 × 1.7 µs = 34 µs [P]."""
INFERENCE_PERIOD = 11.8e-6
"""Time per image in inference, 85 000 images/s [P]."""
INFERENCE_SAMPLES = 7
"""CADC samples that fall into the inference period: the last at 10.2 µs."""

# Weights
WEIGHT_SCALE = 240.0
"""LSB per model unit of weight in hidden layers [C]."""
WEIGHT_SCALE_OUT = 250.0
"""Largest scale of the label layer, lowered while a weight would exceed 63 LSB [C]."""
PSP_PEAK_PER_LSB = 0.45 / WEIGHT_MAX_LSB
"""Peak of one synapse's potential at weight 1 LSB, of (threshold − leak) [D]."""
SYNAPTIC_LIMIT = 32
"""Full-weight spikes at once that saturate one synaptic input of a circuit: an estimate, 16 to no
limit. docs/emulator.md says what is known of the input and how the estimate follows."""
