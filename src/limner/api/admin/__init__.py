"""The API for operators: the verbs of the command line, for keys with the scope `admin`."""
