"""HTTP to addresses that users give: judged before a name is resolved and again on the connected socket."""
