"""A request as programs that send it. Address and key are read from the environment and never written into them."""

import json
from collections.abc import Sequence
from typing import Any

PATH = "/v2/openapi/task"


def programs(body: dict[str, Any]) -> Sequence[tuple[str, str, str]]:
    """(name, title, code): the request as curl, Python, JavaScript and JSON. $URL is the server, $KEY the key."""
    pretty = json.dumps(body, ensure_ascii=False, indent=2)
    return [
        ("curl", "curl", _curl(pretty)),
        ("python", "Python", _python(pretty)),
        ("javascript", "JavaScript", _javascript(pretty)),
        ("json", "JSON", pretty),
    ]


def _curl(pretty: str) -> str:
    quoted = pretty.replace("'", "'\\''")
    headers = '-H "Authorization: Bearer $KEY" -H "Content-Type: application/json"'
    return f"curl -s \"$URL{PATH}\" {headers} -d '{quoted}'"


def _python(pretty: str) -> str:
    return (
        "import json, os, urllib.request\n\n"
        f"body = json.loads({pretty!r})\n"
        "request = urllib.request.Request(\n"
        f'    os.environ["URL"] + "{PATH}",\n'
        "    json.dumps(body).encode(),\n"
        '    {"Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/json"},\n)\n'
        "print(urllib.request.urlopen(request).read().decode())\n"
    )


def _javascript(pretty: str) -> str:
    """For Node 18 and later, as a module. JSON is an expression of JavaScript."""
    return (
        f"const body = {pretty};\n"
        f"const answer = await fetch(`${{process.env.URL}}{PATH}`, {{\n"
        '  method: "POST",\n'
        '  headers: { Authorization: `Bearer ${process.env.KEY}`, "Content-Type": "application/json" },\n'
        "  body: JSON.stringify(body),\n"
        "});\n"
        "console.log(await answer.text());\n"
    )
