"""Makes one picture, and edits one, with the package `openai` whose base URL and key alone were changed.

Arguments: a picture, and the folder for what is made. Prints the files as JSON.
"""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

from openai import OpenAI

picture, folder = map(Path, sys.argv[1:3])
prompt = os.environ["PROMPT"]


def keep(name: str, answer: Any) -> str:
    file = folder / f"{name}.png"
    file.write_bytes(base64.b64decode(answer.data[0].b64_json))
    return str(file)


client = OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["KEY"])
files = {"generated": keep("generated", client.images.generate(model="gpt-image-1", prompt=prompt, size="1536x1024"))}
if "ONLY_GENERATE" not in os.environ:
    edited = client.images.edit(model="gpt-image-1", prompt=prompt, image=("in.png", picture.read_bytes()))
    files["edited"] = keep("edited", edited)
sys.stdout.write(json.dumps(files))
