"""Core metadata of a distribution file as JSON: PEP 566's names; the fields that may be there several times are lists."""

import email
import hashlib

from environment import Refusal

SEVERAL = "classifier dynamic license_file obsoletes obsoletes_dist platform project_url provides provides_dist provides_extra requires requires_dist requires_external supported_platform".split()


def core_metadata(metadata):
    try:
        text = metadata.decode()
    except UnicodeDecodeError as error:
        raise Refusal("got metadata that isn't UTF-8", "save the project's README and pyproject.toml as UTF-8") from error
    message = email.message_from_string(text)
    fields = {}
    for name, value in message.items():
        fields.setdefault(name.lower().replace("-", "_"), []).append(str(value))
    fields.pop("description", None)
    record = {name: values if name in SEVERAL else values[0] for name, values in fields.items()}
    return {"record": record, "metadata": {"sha256": hashlib.sha256(metadata).hexdigest(), "text": text}}
