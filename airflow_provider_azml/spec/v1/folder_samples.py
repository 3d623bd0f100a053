"""What a folder that is attached to a workspace begins with: two run configurations, and the packages of both.

Source: azureml-core 1.61, ``azureml._project.project_manager.attach_project``, which is ``az ml folder attach``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.v1 import environment_files
from airflow_provider_azml.spec.v1.environments import IMAGE
from airflow_provider_azml.spec.workspace_configs import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT = "default-environment"
"""What v1 calls the environment of the samples."""
_IGNORED = """\
.ipynb_checkpoints
azureml-logs
.azureml
.git
outputs
azureml-setup
docs
"""
_RUNCONFIG = """\
# {title}
# The script is given by whoever submits it, or here.
script:
arguments: []
# Name of a compute; {target_says}.
target: local
# Python, PySpark, TensorFlow or PyTorch.
framework: Python
# None, OpenMpi, IntelMpi, ParameterServer, Nccl or Gloo.
communicator: None
# How long it may run; as long as it likes where nothing is said.
maxRunDurationSeconds:
nodeCount: 1
environment:
  name: {environment}
  version:
  environmentVariables:
    EXAMPLE_ENV_VAR: EXAMPLE_VALUE
  python:
    # Whether the image has all packages already.
    userManagedDependencies: false
    interpreterPath: python
    # Relative to the folder around .azureml.
    condaDependenciesFile: .azureml/{conda}
    baseCondaEnvironment:
  docker:
    baseImage: {image}
    baseDockerfile:
    shmSize: 2g
    arguments: []
    baseImageRegistry:
      address:
      username:
      password:
history:
  outputCollection: true
  directoriesToWatch:
  - logs
docker:
  useDocker: {docker}
# What the script takes: name -> dataStoreName, pathOnDataStore, mode (mount, download or upload).
dataReferences: {{}}
"""
_LOCAL = "Runs a script on the machine that submits it, in v1; today, on serverless compute."
_DOCKER = "Runs a script in a container."


def texts() -> Mapping[str, str]:
    """The files, with their paths in the folder, but for the one that names the workspace.

    Example:
        >>> sorted(texts())
        ['.amlignore', '.azureml/conda_dependencies.yml', '.azureml/docker.runconfig', '.azureml/local.runconfig']
    """
    conda = environment_files.CONDA_FILE
    return {
        f"{FOLDER}/local.runconfig": _runconfig(_LOCAL, docker=False),
        f"{FOLDER}/docker.runconfig": _runconfig(_DOCKER, docker=True),
        f"{FOLDER}/{conda}": environment_files.scaffold(ENVIRONMENT)[conda],
        ".amlignore": _IGNORED,
    }


def _runconfig(title: str, *, docker: bool) -> str:
    return _RUNCONFIG.format(
        title=title,
        target_says="local is the machine that submits it, in v1, and serverless compute today",
        environment=ENVIRONMENT,
        conda=environment_files.CONDA_FILE,
        image=IMAGE,
        docker=str(docker).lower(),
    )
