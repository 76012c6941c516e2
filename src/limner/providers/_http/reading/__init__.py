"""Reading a response as it arrives: its pictures go to files, its events are passed on."""
