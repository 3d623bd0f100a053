"""Files of CLI v1 whose scripts the emulator can run."""

from __future__ import annotations

RUNCONFIG = """\
framework: Python
environment:
  docker: {baseImage: local}
  python: {condaDependencies: {name: bare, dependencies: [python=3.11]}}
"""
WRITES = """\
import os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "out.txt").write_text(f"{sys.argv[2]} {os.environ['AML_PARAMETER_seed']}")
"""
READS = """\
import os, pathlib, sys
text = (pathlib.Path(os.environ["AZUREML_DATAREFERENCE_before"]) / "out.txt").read_text()
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "out.txt").write_text(f"{text}!")
"""
PIPELINE = """\
pipeline:
  name: retired
  parameters:
    Word: {type: string, default: two words}
    Seed: {type: int, default: 7}
  default_compute: serverless
  steps:
    Prep-It:
      type: PythonScriptStep
      script_name: writes.py
      runconfig: plain.runconfig
      arguments: ["output:made", "parameter:word"]
      parameters: {word: {source: Word}, seed: {source: Seed}}
      outputs: {made: {destination: between, datastore: workspaceblobstore}}
    Train:
      type: PythonScriptStep
      script_name: reads.py
      runconfig: plain.runconfig
      arguments: ["output:done"]
      inputs: {before: {source: between, bind_mode: download}}
      outputs: {done: {destination: end}}
      allow_reuse: false
"""
FILES = {"plain.runconfig": RUNCONFIG, "writes.py": WRITES, "reads.py": READS, "pipeline.yml": PIPELINE}
"""Name -> content of what `PIPELINE` needs, and of itself."""
