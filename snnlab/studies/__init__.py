"""Questions to a trained run: other dies, decision time, confusion, gradients, the emulator's step.

Also networks without spikes, for comparison. Imports ``runs`` and ``sweeps``; every study returns
plain tables or arrays.
"""

from snnlab.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AnnSettings": "snnlab.studies.ann",
        "accuracy_over_time": "snnlab.studies.decision",
        "classify": "snnlab.studies.classifier",
        "converge": "snnlab.studies.convergence",
        "decision_time": "snnlab.studies.decision",
        "neuron_death": "snnlab.studies.stress",
        "robustness": "snnlab.studies.stress",
        "stopped_at": "snnlab.studies.decision",
        "train_ann": "snnlab.studies.ann",
        "train_gru": "snnlab.studies.gru",
        "train_software": "snnlab.studies.software",
        "transfer": "snnlab.studies.stress",
    },
)
