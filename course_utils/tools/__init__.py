"""The commands: experiments, views, the state of the machine."""
