"""Prints the multipart cases of python-multipart's source distribution as JSON, for the e2e tests."""

import base64
import json
import sys
import tarfile

import yaml


def case(name: str, body: bytes, about: dict) -> dict:
    expected = about["expected"]
    # What must be refused has an error instead of a list.
    fields = None
    if isinstance(expected, list):
        fields = [{"name": one["name"], "file": one["type"] == "file", "text": one["data"].decode()} for one in expected]
    return {
        "name": name,
        "boundary": about["boundary"],
        "body": base64.b64encode(body).decode(),
        "fields": fields,
    }


def main(sdist: str) -> None:
    files = {}
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            _, found, name = member.name.partition("/tests/test_data/http/")
            if found and member.isfile():
                files[name] = archive.extractfile(member).read()
    names = sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))
    json.dump([case(name, files[f"{name}.http"], yaml.safe_load(files[f"{name}.yaml"])) for name in names], sys.stdout)


main(sys.argv[1])
