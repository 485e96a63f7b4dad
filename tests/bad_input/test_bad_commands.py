"""Invalid commands are refused in one line, with exit code 2, and leave nothing behind."""

import json
import shlex

import numpy as np
import pytest
from refusal import refused_command

from snnlab.config import Config

COMMANDS = """
                                           | arguments are required: COMMAND
nothing                                    | invalid choice: 'nothing'
--nonsense                                 | arguments are required: COMMAND
trian                                      | invalid choice: 'trian'
train stray                                | unrecognized arguments: stray
train --bet 3                              | unrecognized arguments: --bet 3
train --he                                 | unrecognized arguments: --he
train --beta                               | argument --beta: expected one argument
train --beta=                              | beta =  is not allowed: a number from 0.1 to 200
train --beta=1,5                           | beta = 1,5 is not allowed
train --beta=1e400                         | beta = inf is not allowed
train --beta=1_0                           | beta = 1_0 is not allowed
train --beta=١                             | beta = ١ is not allowed
train --beta=1e-3 --hidden=x               | hidden = x is not allowed: a list of whole numbers
train --hidden=                            | hidden = [] is not allowed
train --hidden=-                           | hidden = - is not allowed
train --hidden=-5                          | hidden = -5 is not allowed
train --hidden=5-                          | hidden = 5- is not allowed
train --hidden=5--5                        | hidden = 5--5 is not allowed
train --hidden=99999999999999999999        | hidden = [99999999999999999999] is not allowed
train --hidden=1-1-1-1-1-1-1-1-1           | 8 at most, such as 246 or 120-120
train --hidden=²                           | hidden = ² is not allowed
train --hidden=8193                        | from 1 to 8192
train --killed=512                         | killed = [512] is not allowed: a list of whole numbers
train --killed=1-x                         | killed = 1-x is not allowed
train --die=broken                         | die = broken is not allowed: one of ideal, calibrated
train --die-seed=4294967296                | die_seed = 4294967296 is not allowed
train --seed=1e3                           | seed = 1e3 is not allowed: a whole number
train --seed=0x10                          | seed = 0x10 is not allowed
train --samples=1 | samples = 1 is not allowed: a whole number from 2 to 100
train --substeps=65                        | substeps = 65 is not allowed
train --tau-mem=6us | tau_mem = 6us is not allowed: a number from 1e-06 to 2e-05 s
train --grid=fine                          | grid = fine is not allowed: one of clock, cadc
train --dead=1                             | dead = 1.0 is not allowed: a number from 0 to 0.9
train --mirror=2                           | mirror = 2.0 is not allowed
train --schedule=linear                    | schedule = linear is not allowed
train --dataset=                           | dataset =  is not allowed
train --dataset=MNIST                      | dataset = MNIST is not allowed: one of mnist
train --side=16.0                          | side = 16.0 is not allowed: one of 16, 28
train --chips=65                           | chips = 65 is not allowed
train --learning-rate=0.2                  | learning_rate = 0.2 is not allowed
train --recipe=nicest                      | recipe 'nicest' is unknown: choose one of paper
train --recipe=                            | argument --recipe: is empty
train --out=                               | argument --out: is empty: give a value or leave it out
train --weights=                           | argument --weights: is empty
train --data-dir=                          | argument --data-dir: is empty
train --threads=                           | argument --threads: invalid int value: ''
train --threads=99999                      | threads = 99999 is not allowed: this machine takes 1 to
train --weights=file                       | weights file: not an npz file of layer_0
train --weights=runs                       | weights runs/weights.npz: no such file
train --weights=/dev/null                  | weights /dev/null: a device or a pipe, not a file
train --weights=runs/good                  | weights of layer 0 have shape (256, 5), network
train --out=runs/good                      | run folder runs/good holds a run already
train --out=file                           | run folder file cannot be written: File exists
train --out=file/deep                      | run folder file/deep cannot be written: Not a directory
train --out=LONG                           | cannot be written: File name too long
train --dataset=mnist --data-dir=nowhere   | found in nowhere: no such folder
train --dataset=mnist --data-dir=file      | found in file: not a readable folder
train --dataset=digits --tensorboard=file  | TensorBoard folder file/
train --tensorboard=                       | argument --tensorboard: is empty
data                                       | arguments are required: name
data ''                                    | no data set '': choose one of mnist
data cifar                                 | no data set 'cifar': choose one of mnist
data digits extra                          | unrecognized arguments: extra
data mnist --data-dir=nowhere              | found in nowhere: no such folder
map --hidden=x                             | hidden = x is not allowed
map --hidden=8000                          | needs 16630 neuron circuits, the chip has 512
map --hidden=9 --side=28 --dataset=yin-yang | data set yin-yang has no images of 28×28
map --chips=0                              | chips = 0 is not allowed
map --beta=3                               | unrecognized arguments: --beta=3
calibrate --mismatch=9                     | mismatch = 9.0 is not allowed
calibrate --out=                           | argument --out: is empty
calibrate --out=nowhere/c.npz | calibration nowhere/c.npz cannot be written: No such file
calibrate --out=runs                       | calibration runs cannot be written: Is a directory
convergence                                | arguments are required: RUN
convergence ''                             | argument RUN: is empty
convergence nowhere                        | no run nowhere here or in runs: see snnlab runs list
convergence file                           | run file: no config.json in it, give the folder
convergence runs/odd                       | run runs/odd: config.json holds no settings
convergence runs/empty                     | run runs/empty: no config.json in it
convergence runs/good --threads=0          | threads = 0 is not allowed
convergence runs/good --threads=x          | invalid int value: 'x'
export runs/good                           | arguments are required: FILE
export runs/good ''                        | argument FILE: is empty
export nowhere n.nir                       | no run nowhere here or in runs
export runs/odd n.nir                      | config.json holds no settings
export runs/good nowhere/n.nir             | NIR file nowhere/n.nir cannot be written: No such file
export runs/good runs                      | NIR file runs cannot be written: Is a directory
export runs/good LONG                      | cannot be written: File name too long
robustness                                 | arguments are required: RUN
robustness ''                              | argument RUN: is empty
robustness nowhere                         | no run nowhere here or in runs
robustness runs/good --dies=0              | n_dies = 0 is not allowed: 1 to 1000
robustness runs/good --dies=few            | invalid int value: 'few'
robustness runs/good --sigmas=             | argument --sigmas: : give numbers such as 0,0.2
robustness runs/good --sigmas=0,x          | argument --sigmas: 0,x: give numbers
robustness runs/good --sigmas=9            | mismatch = 9.0 is not allowed
robustness runs/good --sigmas=nan          | mismatch = nan is not allowed
robustness runs/good --epochs=-1           | epochs = -1 is not allowed: 0 to 1000
robustness runs/good --export=t.txt        | table t.txt: end its name in .csv or .parquet
robustness runs/good --export=no/t.csv     | table no/t.csv cannot be written: No such file
transfer runs/odd                          | config.json holds no settings
transfer runs/good --dies=99999999999      | n_dies = 99999999999 is not allowed
neuron-death runs/good --shares=1.5        | share of silent neurons = 1.5 is not allowed
neuron-death runs/good --shares=nan        | share of silent neurons = nan is not allowed
neuron-death runs/good --draws=-2          | draws = -2 is not allowed
neuron-death runs/good --scheduler=        | argument --scheduler: is empty
gradients nowhere                          | no run nowhere here or in runs
gradients runs/good --epochs=-1            | epochs = -1 is not allowed: give 0 for the trained
recipes more                               | unrecognized arguments: more
reproduce                                  | arguments are required: study
reproduce figure9                          | study 'figure9' is unknown: use table1
reproduce table1 --seeds=0                 | seeds = 0 is not allowed: 1 to 5
reproduce table1 --seeds=99                | seeds = 99 is not allowed
reproduce table1 --seeds=few               | invalid int value: 'few'
reproduce table1 --quick --workers=-1      | workers = -1 is not allowed: give 0 to 1024
reproduce table1 --quick --scheduler=      | argument --scheduler: is empty
reproduce table1 --quick --cache=file      | cache file is a file: give the name of a folder
reproduce table1 --quick --cache=          | argument --cache: is empty
reproduce table1 --report-only --cache=file | cache file is a file
bench --only=nothing                       | no section nothing: there are real-time
bench --only=                              | no section
bench --threads=two                        | invalid int value: 'two'
bench --threads=0 --only=start             | threads = 0 is not allowed
bench --out=file --only=start              | results cannot be written to file: it is a file
app --port=x                               | argument --port: 'x' is not a port: give 1 to 65535
app --port=99999999                        | '99999999' is not a port
app --port=-1                              | '-1' is not a port
app --port=0                               | '0' is not a port
app --address=                             | argument --address: is empty
app --beta=x                               | beta = x is not allowed
app --recipe=none                          | recipe 'none' is unknown
app --workers=0                            | --workers 0 is not allowed: 1 to 64
app --workers=x                            | invalid int value: 'x'
app --max-visitors=0                       | --max-visitors 0 is not allowed: a whole number
app --max-minutes=nan                      | --max-minutes nan is not allowed: a number
app --max-memory=big                       | --max-memory big is not allowed
app --max-stored=                          | --max-stored  is not allowed
app --nonsense                             | unrecognized arguments: --nonsense
runs                                       | arguments are required: COMMAND
runs nothing                               | invalid choice: 'nothing'
runs --root= list                          | argument --root: is empty
runs --root=nowhere list                   | folder of runs nowhere: no such folder
runs --root=file list                      | folder of runs file: no such folder
runs list --where=beta                     | condition beta: give NAME=VALUE
runs list --where=                         | condition : give NAME=VALUE
runs list --where=beta=>3                  | condition beta=>3: >3 is not a number
runs list --where=colour=1                 | no column 'colour': there are run, state
runs list --sort=                          | argument --sort: is empty
runs list --sort=colour                    | no column 'colour'
runs show                                  | arguments are required: RUN
runs show ''                               | argument RUN: is empty
runs show nowhere                          | no run nowhere here or in runs: see snnlab runs list
runs show odd                              | config.json holds no settings
runs show empty                            | no run empty here or in runs
runs show LONG                             | here or in runs: see snnlab runs list
runs show newer                            | was kept by a newer snnlab (schema 99
runs diff good                             | 1 runs given: compare 2 to 6
runs diff good good                        | 1 runs given: compare 2 to 6 different ones
runs diff good nowhere                     | no run nowhere here
runs resume good                           | was kept without a checkpoint: start a new run
runs resume good --epochs=x                | invalid int value: 'x'
runs resume good --threads=0               | threads = 0 is not allowed
runs resume nowhere                        | no run nowhere here
runs note good                             | nothing to note on run good: give a text, --tag
runs note good --tag=                      | tag '' is not allowed: give one word
runs note good '--tag=two words'           | tag 'two words' is not allowed
runs note nowhere text                     | no run nowhere here
runs export good                           | arguments are required: --out
runs export good --out=                    | argument --out: is empty
runs export good --out=table.txt           | table table.txt: end its name in .csv or .parquet
runs export good --out=nowhere/t.csv       | table nowhere/t.csv cannot be written: No such file
runs export good --out=nowhere/t.zip       | nowhere/t.zip cannot be written: No such file
runs export good --out=runs                | table runs: end its name in
runs export good --out=t.csv --what=images | invalid choice: 'images'
runs export good --out=t.csv               | table t.csv: there are no rows to write
runs export good old --out=t.zip           | 2 runs given: a zip file holds one
runs tensorboard good                      | arguments are required: --out
runs tensorboard nowhere --out=logs        | no run nowhere here
runs tensorboard odd --out=logs            | config.json holds no settings
runs tensorboard good --out=file           | TensorBoard folder file/good cannot be written
runs rm good                               | 1 runs would be removed for good (good): add --yes
runs rm nowhere --yes                      | no run nowhere here
runs rm good nowhere --yes                 | no run nowhere here
runs rm . --yes                            | no run . here
runs rm '' --yes                           | argument RUN: is empty
sweep                                      | nothing is varied: give at least one knob
sweep --vary=                              | --vary : give NAME=VALUES
sweep --vary==3                            | --vary =3: give NAME=VALUES
sweep --vary=beta=                         | --vary beta=: give NAME=VALUES
sweep --vary=beta=1:                       | vary beta = 1: is not a range: write low:high
sweep --vary=beta=::                       | vary beta = :: is not a range
sweep --vary=beta=1:2:lin                  | vary beta = 1:2:lin is not a range
sweep --vary=beta=1:2:0                    | vary beta = 1:2:0: give 2 to 10000 points
sweep --vary=beta=1:2:log:1                | give 2 to 10000 points
sweep --vary=beta=1:2:1000000000000        | give 2 to 10000 points
sweep --vary=beta=nan:2                    | vary beta = nan:2: nan is not a number
sweep --vary=beta=1:inf                    | beta = inf is not allowed
sweep --vary=beta=1,,2                     | vary beta = '1,,2' holds no values
sweep --vary=beta=1,x                      | beta = x is not allowed
sweep --vary=batch=1:2.5                   | vary batch = 1:2.5: a whole number from 1
sweep --vary=hidden=1:5                    | vary hidden = 1:5: a list of whole numbers
sweep --vary=killed=600                    | killed = [600] is not allowed
sweep --vary=colour=1:2                    | vary colour: no such knob
sweep --vary=beta=1:2 --vary=beta=3:4      | --vary beta is given twice: 1:2 and 3:4
sweep --vary=beta=1:2 --beta=3             | beta is both varied and set
sweep --vary=beta=1:2 --trials=0           | trials = 0 is not allowed: a whole number from 1 to
sweep --vary=beta=1:2 --trials=9999999     | trials = 9999999 is not allowed
sweep --vary=beta=1:2 --trials=some        | invalid int value: 'some'
sweep --vary=beta=1:2 --repeats=0          | repeats = 0 is not allowed
sweep --vary=beta=1:2 --sweep-seed=-1      | seed = -1 is not allowed
sweep --vary=beta=1:2 --objective=         | objective '' is unknown: use accuracy
sweep --vary=beta=1:2 --limit=power        | --limit power: give NAME=VALUES
sweep --vary=beta=1:2 --limit=power=nan    | limit power = nan is not a number
sweep --vary=beta=1:2 --limit=speed=1      | limit 'speed' is unknown
sweep --vary=beta=1:2 --sampler=           | sampler '' is unknown
sweep --vary=beta=1:2 --name=              | argument --name: is empty
sweep --vary=beta=1:2 --name=../x          | name = '../x' is not allowed: letters, digits
sweep --vary=beta=1:2 --name=a/b           | name = 'a/b' is not allowed
sweep --vary=beta=1:2 --storage=           | argument --storage: is empty
sweep --vary=beta=1:2 --storage=file       | file is not the database of a sweep
sweep --vary=beta=1:2 --storage=x.journal  | file is not the database of a sweep
sweep --vary=beta=1:2 --storage=runs       | sweep storage runs: unable to open database file
sweep --vary=beta=1:2 --storage=none://x   | sweep storage none://x: Can't load plugin
sweep --vary=beta=1:2 --workers=-1         | workers = -1 is not allowed
sweep --vary=beta=1:2 --workers=all        | invalid int value: 'all'
sweep --vary=beta=1:2 --export=t.txt       | table t.txt: end its name in .csv or .parquet
sweep --vary=beta=1:2 --export=nowhere/t.csv | table nowhere/t.csv cannot be written: No such file
sweep --vary=dataset=mnist,digits          | a sweep is over one data set
sweep --vary=beta=1:2 --data-dir=runs       | data set digits is bundled and takes no --data-dir
sweep --vary=seed=1:99999999999            | seed = 99999999999 is not allowed
sweep nowhere.toml                         | sweep file nowhere.toml: no such file
sweep file                                 | sweep file file is not valid TOML
sweep runs                                 | sweep file runs is not valid TOML
sweep binary.toml                          | sweep file binary.toml is not valid TOML
sweep plan.toml --vary=beta=x              | sweep file plan.toml: beta = x is not allowed
"""
"""One command per line, and text that its error must contain; LONG is too long for a file name."""

DIGITS = ("train", "sweep")
"""Commands that would otherwise load MNIST."""
CASES = [line.rsplit("|", 1) for line in COMMANDS.strip("\n").splitlines()]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with a run, folders that only look like runs, and other files."""
    for name in ("good", "odd", "empty", "newer", "old"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    settings = Config(dataset="digits", hidden=[5]).values()
    for name, record in {
        "good": {"schema": 2, "settings": settings},
        "old": {"schema": 1, "settings": settings},
        "newer": {"schema": 99, "settings": settings},
        "odd": [1],
    }.items():
        (tmp_path / "runs" / name / "config.json").write_text(json.dumps(record))
    layers = {"layer_0": np.zeros((256, 5)), "layer_1": np.zeros((5, 10))}
    np.savez(tmp_path / "runs/good/weights.npz", **layers)
    (tmp_path / "file").write_text("a line\n")
    (tmp_path / "x.journal").write_text("a line\n")
    (tmp_path / "plan.toml").write_text('[vary]\nbeta = "1:2:3"\n')
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "said"), CASES, ids=[case[0].strip() for case in CASES])
def test_an_invalid_command_is_refused(capsys, place, command, said):
    words = [word.replace("LONG", "x" * 300) for word in shlex.split(command)]
    if words and words[0] in DIGITS and "mnist" not in command:
        words[1:1] = ["--dataset", "digits"]
    refused_command(capsys, *words, said=(said.strip(),), folder=place)
