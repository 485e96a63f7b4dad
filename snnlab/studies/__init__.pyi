"""Names that ``snnlab.studies`` imports on first use, for type checkers and editors."""

from snnlab.studies.ann import AnnSettings as AnnSettings
from snnlab.studies.ann import train_ann as train_ann
from snnlab.studies.classifier import classify as classify
from snnlab.studies.convergence import converge as converge
from snnlab.studies.decision import accuracy_over_time as accuracy_over_time
from snnlab.studies.decision import decision_time as decision_time
from snnlab.studies.decision import stopped_at as stopped_at
from snnlab.studies.gru import train_gru as train_gru
from snnlab.studies.software import train_software as train_software
from snnlab.studies.stress import neuron_death as neuron_death
from snnlab.studies.stress import robustness as robustness
from snnlab.studies.stress import transfer as transfer
