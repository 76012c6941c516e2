"""What every vendor's emulator is built on: the server, faults, jobs, pictures and the record of purchases."""
