"""Stands in for ``az storage blob upload-batch``.

python -m tests.seeds.upload_batch -d container/prefix -s folder --account-name account --account-key key
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from azure.storage.blob import BlobServiceClient

parser = argparse.ArgumentParser()
parser.add_argument("-d", dest="destination")
parser.add_argument("-s", dest="source", type=Path)
parser.add_argument("--account-name")
parser.add_argument("--account-key")
given = parser.parse_args()
container, _, prefix = given.destination.partition("/")
credential = {"account_name": given.account_name.rpartition("/")[2], "account_key": given.account_key}
client = BlobServiceClient(
    f"https://{given.account_name}.blob.core.windows.net",
    credential=credential,
    connection_verify=os.environ["REQUESTS_CA_BUNDLE"],
)
for file in filter(Path.is_file, given.source.rglob("*")):
    name = f"{prefix}/{file.relative_to(given.source).as_posix()}"
    client.get_blob_client(container, name).upload_blob(file.read_bytes(), overwrite=True)
